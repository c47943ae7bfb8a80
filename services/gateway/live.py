"""The gateway where orders really go: the desk with its journal, its venue and its rules, out of the config."""

from functools import partial

from services.gateway.execution.engine import ExecutionEngine, GatewayReader, GatewayStage
from services.gateway.execution.session_context import SessionConfig, Timeouts
from services.gateway.paper import plan_with
from services.gateway.risk.check import RiskRules, model_sha256
from services.gateway.risk.limits import RiskCheck
from shared.config import Settings
from shared.control.books import book_of
from shared.control.whereabouts import Whereabouts
from shared.exchanges.trading.make import make_venue
from shared.journal.journal import Journal
from shared.messages import Stream
from shared.runner.bus_reader import BusReader
from shared.runner.plan import Limits, ServiceSpec
from shared.runner.service import ServiceParts


def live(settings: Settings, limits: Limits) -> ServiceParts:
    """Orders to the desk, reports from the journal."""
    engine = make_engine(settings)
    return ServiceParts(live_plan(settings), GatewayReader(BusReader(limits), engine), engine)


def live_plan(settings: Settings) -> ServiceSpec:
    """Returns the plan of a gateway whose orders go to its engine."""
    return plan_with(settings, lambda sym: GatewayStage(), kept=(Stream.ORDERS,))


def make_engine(settings: Settings) -> ExecutionEngine:
    """The desk of the account that the config names."""
    risk = RiskCheck(RiskRules.of(settings, model_sha256(settings)))
    journal = partial(Journal.open, settings.journal_url, settings.gateway.account, durable=True, reserve=True)
    return ExecutionEngine(session_config(settings), risk, journal, partial(make_venue, settings))


def session_config(settings: Settings) -> SessionConfig:
    """What the config tells the desk."""
    own = settings.gateway
    return SessionConfig(
        symbols=settings.symbols,
        book=partial(book_of, settings),
        capital=settings.strategy.balance,
        partitions=settings.bus.partitions,
        pace=Timeouts(own.request_validity_ms, own.grace_ms, unknown_alarm_s=own.unknown_alarm_s),
        reconcile_s=own.reconcile_s,
        max_clock_skew_ms=own.max_clock_skew_ms,
        quote_max_age_s=own.risk.quote_max_age_s,
        markets_s=own.markets_s,
        markets_pause_s=own.markets_pause_s,
        whereabouts=Whereabouts.of(settings),
        account=own.account,
    )
