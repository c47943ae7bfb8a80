"""The live gateway has an engine with the journal, the venue and the limits that the config names."""

from functools import partial

from services.gateway.account.requested import carry_out_requests
from services.gateway.execution.engine import ExecutionEngine, GatewayReader, GatewayStage
from services.gateway.execution.session_context import SessionConfig
from services.gateway.metrics import live_metrics
from services.gateway.paper import plan_with
from services.gateway.risk.check import RiskRules
from services.gateway.risk.limits import RiskCheck
from shared.config import Settings
from shared.exchanges.trading.ccxt_venue import make_venue
from shared.journal.journal import Journal
from shared.messages import Stream
from shared.runner.backpressure import BusReader
from shared.runner.parts import ServiceParts
from shared.runner.spec import Limits, ServiceSpec


def live(settings: Settings, limits: Limits) -> ServiceParts:
    """Returns the gateway's parts: orders go from the bus to the engine, reports from the journal to the bus."""
    engine = make_engine(settings)
    reader = GatewayReader(BusReader(limits), engine)
    return ServiceParts(live_plan(settings), reader, engine, metrics=live_metrics(engine))


def live_plan(settings: Settings) -> ServiceSpec:
    """Returns the plan of a gateway whose orders go to its engine."""
    return plan_with(settings, lambda sym: GatewayStage(), kept=(Stream.ORDERS,))


def make_engine(settings: Settings) -> ExecutionEngine:
    """Returns the engine of the account that the config names."""
    check = RiskCheck(RiskRules.of(settings))
    journal = partial(Journal.open, settings.journal_url, settings.gateway.account, durable=True, reserve=True)
    venue, carry_out = partial(make_venue, settings), partial(carry_out_requests, settings)
    return ExecutionEngine(SessionConfig.of(settings), check, journal, venue, carry_out)
