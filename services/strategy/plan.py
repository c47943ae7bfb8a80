"""The strategy service: predictions and executions in, decisions and orders out."""

from services.strategy.limits import PriceLimits
from services.strategy.live_stage import LiveRules, LiveStrategyStage
from services.strategy.stage import StrategyStage
from shared.config import Mode, Settings
from shared.messages import Stream
from shared.runner.spec import Input, Output, ServiceSpec
from shared.strategies.identity import loaded_hash
from shared.strategies.registry import configured_strategy, with_reserve


def plan(settings: Settings) -> ServiceSpec:
    """Returns the spec, with one book per symbol; raises ConfigError when the strategy or a parameter is unknown."""
    own, gateway = settings.strategy, settings.gateway
    strategy = configured_strategy(own)
    run = settings.run_id if settings.ingestor.source == "replay" else ""
    live = gateway.mode is not Mode.PAPER
    if live:
        strategy = with_reserve(strategy, gateway.fee, gateway.slippage_bps, own.limit_bps)
    by = loaded_hash(settings, strategy)
    again_ns = _ns(gateway.request_validity_ms / 1_000)  # by then the exchange has taken a request, or never will
    rules = LiveRules(_ns(own.order_valid_s), _ns(own.prediction_stale_s), own.on_missing, again_ns)
    limits = PriceLimits.of(settings)
    book = f"{settings.ingestor.source}|{gateway.venue}|{gateway.account}|{own.name}|{run}"
    return ServiceSpec(
        instance=own.instance,
        make_stage=lambda sym: (
            LiveStrategyStage(sym, strategy, own.balance, book, rules, qty_step=own.step_of(sym), by=by, limits=limits)
            if live
            else StrategyStage(sym, strategy, own.balance, book, qty_step=own.step_of(sym), by=by, limits=limits)
        ),
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


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
