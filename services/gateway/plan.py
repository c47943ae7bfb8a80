"""The gateway service: orders in, executions out. One replica is active, the others stand by."""

from services.gateway.paper import PaperStage
from shared.config import Settings
from shared.messages import Stream
from shared.runner.plan import Input, Output, Plan


def plan(settings: Settings) -> Plan:
    """One instance per account."""
    own = settings.gateway
    return Plan(
        instance=own.instance,
        make_stage=lambda sym: PaperStage(own.fee, own.slippage_bps),
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
