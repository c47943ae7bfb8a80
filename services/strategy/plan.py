"""The strategy service: predictions and executions in, decisions and orders out."""

from functools import partial

from services.strategy.live_stage import LiveRules, LiveStrategyStage
from services.strategy.price_limits import PriceLimits
from services.strategy.protected_stage import ProtectedStage
from services.strategy.stage import StrategyStage
from shared.config import Mode, Settings
from shared.messages import Stream
from shared.runner.spec import Input, Output, ServiceSpec
from shared.strategies import AnyStrategy
from shared.strategies.after_stop import AfterStop
from shared.strategies.identity import loaded_hash
from shared.strategies.registry import configured_strategy, with_reserve


def plan(settings: Settings) -> ServiceSpec:
    """Returns the spec, with one book per symbol; raises ConfigError when the strategy or a parameter is unknown."""
    own, gateway = settings.strategy, settings.gateway
    strategy = configured_strategy(own)
    if gateway.mode is not Mode.PAPER:
        strategy = with_reserve(strategy, gateway.fee, gateway.slippage_bps, own.limit_bps)
    by = loaded_hash(settings, strategy)
    if own.protect.terms is not None:
        strategy = AfterStop(after=own.protect.after_stop).around(strategy)
    return ServiceSpec(
        instance=own.instance,
        make_stage=partial(_stage, settings, strategy, by),
        inputs=(
            Input(Stream.EXECUTIONS, gateway.instance, strict=True, always=True),
            Input(Stream.PREDICTIONS, settings.signal.instance),
        ),
        outputs=(
            Output(Stream.DECISIONS),
            Output(
                Stream.ORDERS,
                (gateway.instance,),
                settings.bus.bound,
                trim=True,
                recorders=settings.recorder.of(Stream.ORDERS),
                hold_s=settings.recorder.hold_s,
                hold_entries=settings.recorder.hold_entries,
            ),
        ),
    )


def _stage(settings: Settings, strategy: AnyStrategy, by: str, sym: str) -> StrategyStage:
    """Returns the stage of a symbol. by: the hash of what decides."""
    own, gateway = settings.strategy, settings.gateway
    run = settings.run_id if settings.ingestor.source == "replay" else ""
    book = f"{settings.ingestor.source}|{gateway.venue}|{gateway.account}|{own.name}|{run}"
    limits, step, protect = PriceLimits.of(settings), own.step_of(sym), own.protect.terms
    if gateway.mode is not Mode.PAPER:
        again_ns = _ns(gateway.request_validity_ms / 1_000)  # by then the exchange has taken a request, or never will
        rules = LiveRules(_ns(own.order_valid_s), _ns(own.prediction_stale_s), own.on_missing, again_ns)
        return LiveStrategyStage(sym, strategy, own.balance, book, rules, qty_step=step, by=by, limits=limits)
    if protect is not None:
        return ProtectedStage(sym, strategy, own.balance, book, protect, qty_step=step, by=by, limits=limits)
    return StrategyStage(sym, strategy, own.balance, book, qty_step=step, by=by, limits=limits)


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
