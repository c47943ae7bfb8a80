"""The ingestor service: market data source → stage → bus."""

from services.ingestor.feeder import SourceFeeder
from services.ingestor.plan import make_source, plan
from shared.config import Settings
from shared.runner.plan import Limits
from shared.runner.service import Wiring, serve


def build(settings: Settings, limits: Limits) -> Wiring:
    """What this process does, and where its input comes from."""
    source = make_source(settings)
    return Wiring(plan(settings, source.venue), SourceFeeder(source, settings.bus.partitions, limits))


def main() -> None:
    """Run the service."""
    serve("ingestor", build, ahead=True)
