"""The ingestor service: a market data source in, ticks out."""

from collections.abc import Iterable

from services.ingestor.live.stage import LiveStage, candle_pipeline, trade_pipeline
from services.ingestor.replay import ReplaySource
from services.ingestor.simulated import PresentSource, SimulatedSource
from services.ingestor.source import Source
from services.ingestor.stage import IngestStage
from shared.config import Settings
from shared.config.ingestor import LiveSettings
from shared.errors import ConfigError
from shared.exchanges.market_data.options import LiveOptions
from shared.exchanges.registry import market_data_profile
from shared.intervals import NS_PER_S, TRADE, interval_ns, interval_text
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


def live_options(settings: Settings) -> tuple[LiveOptions, ...]:
    """What the config says of the venues, each on its own."""
    own = settings.ingestor
    return tuple(
        _options(venue, settings.interval, name if own.venues else "") for name, venue in own.each_venue.items()
    )


def _options(own: LiveSettings, interval: str, name: str) -> LiveOptions:
    usual = interval if interval == TRADE else interval_text(interval_ns(interval))  # venues know 1m, and no 60s
    return LiveOptions(
        exchange=own.exchange, markets=own.markets, interval=usual, price=own.price, stream=own.stream,
        websocket=own.websocket, grace_ns=_ns(own.grace_s), age_ns=_ns(own.age_limit_s), silence_ns=_ns(own.silence_s),
        skew_ns=_ns(own.max_skew_s), warm_bars=own.warm_bars, poll_s=own.poll_s, timeout_s=own.timeout_s,
        attempts=own.attempts, base_url=own.base_url, name=name,
    )  # fmt: skip


def live_stage(options: LiveOptions, sym: str) -> LiveStage:
    """A fresh stage for one symbol."""
    rules = options.rules(market_data_profile(options.exchange).consecutive)
    if options.stream == "candles":
        route = candle_pipeline(options.interval, options.grace_ns, options.warm_bars, rules.fill_ns, rules.silence_ns)
    else:
        route = trade_pipeline(options.interval, options.price, rules, options.grace_ns, options.warm_bars)
    of = f"{options.interval} of {options.markets[sym]} at {options.exchange}"
    return LiveStage(options.venue, sym, route, options.age_ns, of)


def live_spec(venues: Iterable[LiveOptions], instance: str) -> ServiceSpec:
    """Ticks as they come, each symbol's by the rules of its venue; who is too slow for them sees a gap."""
    of = {sym: options for options in venues for sym in options.markets}
    return ServiceSpec(instance, lambda sym: live_stage(of[sym], sym), outputs=(Output(Stream.TICKS),))


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
