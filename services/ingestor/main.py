"""The ingestor service: market data source → stage → bus."""

from services.ingestor.feeder import ExchangeFeeder, SourceFeeder
from services.ingestor.feeds.venues import Venues
from services.ingestor.plan import live_options, live_spec, make_source, plan
from shared.config import Settings
from shared.runner.parts import ServiceParts
from shared.runner.service import serve
from shared.runner.spec import Limits


def build(settings: Settings, limits: Limits) -> ServiceParts:
    """Returns what this process does, and what feeds it."""
    if settings.ingestor.source == "ccxt":
        options = live_options(settings)
        live = ExchangeFeeder(Venues(options), settings.bus.partitions)
        return ServiceParts(live_spec(options, settings.ingestor.instance), live, close=live.close)
    source = make_source(settings)
    return ServiceParts(plan(settings, source.venue), SourceFeeder(source, settings.bus.partitions, limits))


def main() -> None:
    """Run the service."""
    serve("ingestor", build, ahead=True)
