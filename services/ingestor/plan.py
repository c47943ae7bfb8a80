"""The ingestor service: a market data source in, ticks out."""

from services.ingestor.present import PresentSource
from services.ingestor.replay import ReplaySource
from services.ingestor.simulated import SimulatedSource
from services.ingestor.source import Source
from services.ingestor.stage import IngestStage
from shared.config import Settings
from shared.errors import ConfigError
from shared.messages import Stream
from shared.runner.plan import Output, ServiceSpec


def make_source(settings: Settings) -> Source:
    """The source of data without a venue that the config names; ConfigError for `ccxt`."""
    own = settings.ingestor
    if own.source == "ccxt":
        raise ConfigError("ingestor.source ccxt gives live data only: pass --data FILE for what has been")
    if own.source == "replay":
        return ReplaySource(own.files, settings.interval, own.timezone)
    if own.source == "fake":
        return PresentSource(settings.symbols, own.seed, settings.interval, own.limit)
    return SimulatedSource(
        settings.symbols, seed=own.seed, interval=settings.interval, ticks_per_s=own.ticks_per_s, limit=own.limit
    )


def plan(settings: Settings, venue: str) -> ServiceSpec:
    """Ticks of `venue`, never more than a bound ahead of who reads them."""
    return ServiceSpec(
        instance=settings.ingestor.instance,
        make_stage=lambda sym: IngestStage(venue, sym),
        outputs=(Output(Stream.TICKS, (settings.signal.instance,), settings.bus.bound),),
    )
