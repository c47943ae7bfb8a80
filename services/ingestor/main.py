"""The ingestor service: market data source → stage → bus."""

from services.ingestor.feeder import SourceFeeder
from services.ingestor.plan import make_source, plan
from shared.config import Settings
from shared.runner.plan import Limits, Plan
from shared.runner.service import serve
from shared.runner.worker import Feeder


def build(settings: Settings, limits: Limits) -> tuple[Plan, Feeder]:
    """What this process does, and where its input comes from."""
    source = make_source(settings)
    return plan(settings, source.venue), SourceFeeder(source, settings.bus.partitions, limits)


def main() -> None:
    """Run the service."""
    serve("ingestor", build, ahead=True)
