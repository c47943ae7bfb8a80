"""The plan puts the ingestor together: its source and stage, or for live data the pipeline of each symbol."""

from collections.abc import Iterable, Set
from contextlib import suppress
from dataclasses import replace
from typing import Literal

import structlog

from services.ingestor.live.at_end import AtEnd
from services.ingestor.live.bar_join import BarJoin
from services.ingestor.live.candles import Candles
from services.ingestor.live.continuity import Continuity
from services.ingestor.live.mid_prices import MidPrices
from services.ingestor.live.sampler import EachTrade, Sampler
from services.ingestor.live.stage import LiveStage, TickPipeline
from services.ingestor.live.traded_bars import TradedBars
from services.ingestor.replay import ReplaySource
from services.ingestor.source import Source
from services.ingestor.stage import IngestStage
from shared.config import Settings
from shared.config.ingestor import LiveSettings
from shared.errors import ConfigError
from shared.exchanges.market_data.offers import offered, told, with_stream
from shared.exchanges.market_data.options import ContinuityRules, LiveOptions
from shared.exchanges.registry import market_data_profile
from shared.intervals import NS_PER_S, TRADE, interval_ns, interval_text
from shared.messages import Stream
from shared.messages.market import Group
from shared.models.card import ModelRefused
from shared.needs import needed_groups, require_fields, require_groups, stop_needs, strategy_needs
from shared.runner.spec import Output, ServiceSpec

log = structlog.get_logger()


def plan(settings: Settings, venue: str) -> ServiceSpec:
    """Returns a service that writes the ticks of `venue`, never more than a bound ahead of who reads them."""
    return ServiceSpec(
        instance=settings.ingestor.instance,
        make_stage=lambda sym: IngestStage(venue, sym),
        outputs=(Output(Stream.TICKS, (settings.signal.instance,), settings.bus.bound),),
    )


def make_source(settings: Settings) -> Source:
    """Returns the source that the config names, of data without a venue.

    Raises ConfigError for `ccxt`, and where it does not give a group that model or strategy need, or that
    `ingestor.groups` names.
    """
    source, wanted = _source(settings), wanted_groups(settings)
    if wanted:
        _require(settings, wanted, source.groups, _name(settings))
        _require_fields(settings, source.fields, _name(settings))
    return source


def wanted_groups(settings: Settings) -> frozenset[Group]:
    """Returns the groups that ticks shall carry. A model that is refused is the signal service's trouble."""
    own = frozenset(settings.ingestor.groups)
    try:
        return own | needed_groups(settings)
    except ModelRefused:
        return own | strategy_needs(settings)


def _require(settings: Settings, wanted: Set[Group], offered: Set[Group], source: str) -> None:
    if wanted <= offered:
        return
    require_groups(settings, offered, source)
    missing = " and ".join(sorted(wanted - offered))
    raise ConfigError(f"config: ingestor.groups names {missing}, which {source} does not give: leave it out")


def _require_fields(settings: Settings, told: Set[str], source: str) -> None:
    with suppress(ModelRefused):  # the signal service's trouble
        require_fields(settings, told, source)


def _name(settings: Settings) -> str:
    own = settings.ingestor
    files = ", ".join(dict.fromkeys(str(path) for path in own.files.values()))
    return f"replay of {files}" if own.source == "replay" else f"source {own.source}"


def _source(settings: Settings) -> Source:
    own = settings.ingestor
    if own.source == "ccxt":
        raise ConfigError("ingestor.source ccxt gives live data only: pass --data FILE for what has been")
    if own.source == "replay":
        return ReplaySource(own.files, settings.interval, own.timezone, wanted_groups(settings) | stop_needs(settings))
    from services.ingestor.simulated import PresentSource, SimulatedSource  # numpy, which no real market needs

    if own.source == "fake":
        return PresentSource(settings.symbols, own.seed, settings.interval, own.limit)
    return SimulatedSource(
        settings.symbols, seed=own.seed, interval=settings.interval, ticks_per_s=own.ticks_per_s, limit=own.limit
    )


def live_spec(venues: Iterable[LiveOptions], instance: str) -> ServiceSpec:
    """Returns a service that writes ticks as they come; who is too slow for them sees a gap.

    Each symbol goes by the rules of its venue.
    """
    of = {sym: options for options in venues for sym in options.markets}
    return ServiceSpec(instance, lambda sym: live_stage(of[sym], sym), outputs=(Output(Stream.TICKS),))


def live_stage(options: LiveOptions, sym: str) -> LiveStage:
    """Returns a fresh stage for one symbol."""
    rules = options.rules(market_data_profile(options.exchange).consecutive)
    interval, grace_ns, warm = options.interval, options.grace_ns, options.warm_bars
    grouped, quoted, funded = (group in options.groups for group in (Group.BAR, Group.QUOTE, Group.FUNDING))
    warm = 0 if quoted else warm  # best bids and asks have no history
    if options.stream == "candles":
        polled = not options.websocket
        pipeline = candle_pipeline(interval, grace_ns, warm, rules.fill_ns, rules.silence_ns, grouped, polled)
    else:
        pipeline = trade_pipeline(interval, options.price, rules, grace_ns, warm, grouped)
    if quoted or funded:
        pipeline.at_end = AtEnd(interval_ns(interval), grace_ns, quoted, funded)
    of = f"{interval} of {options.markets[sym]} at {options.exchange}"
    return LiveStage(options.venue, sym, pipeline, options.age_ns, of)


def trade_pipeline(
    interval: str,
    price: Literal["last", "mid"],
    rules: ContinuityRules,
    grace_ns: int,
    warm: int,
    grouped: bool = False,
) -> TickPipeline:
    """Returns the pipeline that makes ticks of trades, or of quotes for `mid`.

    - interval: `trade`, or as `shared.intervals` has it.
    - grace_ns: how long after a bar's end a late price is waited for.
    - warm: how many bars are fetched at the start. Mid prices cannot be fetched: they start cold.
    - grouped: bars have their group, which the trades add up to.
    """
    mid = price == "mid"
    heard = MidPrices(rules.silence_ns, rules.ahead_ns) if mid else Continuity(rules)
    if interval == TRADE:
        return TickPipeline(heard, EachTrade(), None)
    ns = interval_ns(interval)
    join = BarJoin(ns, 0 if mid else warm, fetch=not mid, fill_ns=rules.fill_ns, grouped=grouped)
    sampler = Sampler(ns, grace_ns)
    return TickPipeline(heard, TradedBars(sampler, ns, grace_ns) if grouped else sampler, join)


def candle_pipeline(
    interval: str,
    grace_ns: int,
    warm: int,
    fill_ns: int,
    silence_ns: int = 0,
    grouped: bool = False,
    polled: bool = False,
) -> TickPipeline:
    """Returns the pipeline that makes ticks of the venue's own candles.

    - polled: there is no websocket: all are fetched.
    """
    ns = interval_ns(interval)
    candles = Candles(ns, grace_ns, silence_ns, grouped, begins=polled)
    return TickPipeline(candles, None, BarJoin(ns, warm, fill_ns=fill_ns, grouped=grouped))


def require_live(settings: Settings, venues: Iterable[LiveOptions]) -> tuple[LiveOptions, ...]:
    """Returns the options with the streams that their groups need.

    Raises ConfigError where an exchange does not give a group that is needed, or ccxt does not have it.
    """
    made = []
    for options in venues:
        if options.groups:
            source = f"source ccxt of {options.exchange}"
            _require(settings, options.groups, offered(options), source)
            _require_fields(settings, told(options), source)
        if Group.QUOTE in options.groups and options.warm_bars:
            why = "best bids and asks have no history: features warm up as bars come, and warm_bars is not used"
            log.warning("market data", venue=options.venue, why=why)
        made.append(with_stream(options))
    return tuple(made)


def live_options(settings: Settings) -> tuple[LiveOptions, ...]:
    """Returns what the config says of each venue, what model and strategy need, and bars for stops where it has them.

    Raises ConfigError for an exchange that is unknown.
    """
    own = settings.ingestor
    made = (_options(venue, settings.interval, name if own.venues else "") for name, venue in own.each_venue.items())
    groups, stops = wanted_groups(settings), bool(stop_needs(settings))
    return tuple(replace(options, groups=groups | (_bars(options) if stops else frozenset())) for options in made)


def _bars(options: LiveOptions) -> frozenset[Group]:
    """Returns the bar group where the venue gives it."""
    return offered(options) & {Group.BAR}


def _options(own: LiveSettings, interval: str, name: str) -> LiveOptions:
    return LiveOptions(
        name=name,
        exchange=own.exchange,
        markets=own.markets,
        interval=interval if interval == TRADE else interval_text(interval_ns(interval)),  # venues know 1m, and no 60s
        price=own.price,
        stream=own.stream,
        websocket=own.websocket,
        grace_ns=_ns(own.grace_s),
        age_ns=_ns(own.age_limit_s),
        silence_ns=_ns(own.silence_s),
        skew_ns=_ns(own.max_skew_s),
        warm_bars=own.warm_bars,
        poll_s=own.poll_s,
        timeout_s=own.timeout_s,
        attempts=own.attempts,
        base_url=own.base_url,
    )


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
