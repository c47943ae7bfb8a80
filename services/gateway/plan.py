"""The gateway service: orders in, executions out. One replica is active, the others stand by."""

from services.gateway.paper import PaperStage
from shared.config import Settings
from shared.messages import Stream
from shared.runner.plan import Input, Output, ServiceSpec, StageFactory


def plan(settings: Settings) -> ServiceSpec:
    """Orders filled on paper."""
    own = settings.gateway
    return plan_with(settings, lambda sym: PaperStage(own.fee, own.slippage_bps))


def plan_with(settings: Settings, make_stage: StageFactory) -> ServiceSpec:
    """One instance per account, whatever becomes of its orders."""
    return ServiceSpec(
        instance=settings.gateway.instance,
        make_stage=make_stage,
        inputs=(Input(Stream.ORDERS, settings.strategy.instance, strict=True),),
        outputs=(
            Output(
                Stream.EXECUTIONS,
                (settings.strategy.instance,),
                settings.bus.bound,
                trim=True,
                recorders=settings.recorder.of(Stream.EXECUTIONS),
                hold_s=settings.recorder.hold_s,
            ),
        ),
        exclusive=True,
    )
