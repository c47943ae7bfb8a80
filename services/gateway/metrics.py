"""The gateway's metrics: how orders end, and, of an account, what a person on call must know of it."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from shared.messages import ExecutionReport
from shared.messages.reasons import NO_ORDER, OrderPhase
from shared.runner.meter import Gauge, Labels, MessageCounter, ServiceMetrics, Values
from shared.runner.partition import Partition

if TYPE_CHECKING:  # paper has neither
    from services.gateway.execution.account_session import AccountSession
    from services.gateway.execution.engine import ExecutionEngine

MS = 1_000
NS_PER_S = 1e9


_NO_ORDER = frozenset(leg.value for leg in NO_ORDER)


def _ending(report: ExecutionReport) -> Labels | None:
    if report.leg._value_ in _NO_ORDER:
        return None
    return report.status._value_, "" if report.reason is None else report.reason._value_


COUNTERS: Final = (
    MessageCounter("orders", "Orders that have ended, by how and why.", ExecutionReport, _ending, ("status", "reason")),
)
PAPER: Final = ServiceMetrics(counters=COUNTERS)


def live_metrics(engine: "ExecutionEngine") -> ServiceMetrics:
    """Returns the metrics of a gateway with an account; those of the account are told while it is ours."""

    def of_account(read: "Callable[[AccountSession], Values]") -> Callable[[Sequence[Partition]], Values]:
        def values(_: Sequence[Partition]) -> Values:
            account = engine.account
            return () if account is None else read(account)

        return values

    gauges = (
        Gauge("unknown_orders", "Orders whose fate nobody knows yet.", of_account(_unknown), ("symbol",)),
        Gauge("differences", "What exchange and journal do not agree about.", of_account(_differences)),
        Gauge("reconciled", "1 where exchange and journal agreed when last compared.", of_account(_reconciled)),
        Gauge(
            "naked_seconds",
            "How long the position has been without the stop that it should have; 0 where it has it.",
            of_account(_naked),
            ("symbol",),
        ),
        Gauge("account_equity_quote", "What the account is worth, while that is known.", of_account(_equity)),
        Gauge("armed_seconds", "How long the account may add exposure yet; 0 where it may not.", of_account(_armed)),
        Gauge("latches", "Latches that stay until a person lifts them.", of_account(_latches)),
        Gauge(
            "exchange_heard_timestamp_seconds",
            "When the exchange of the orders answered last, since 1970.",
            of_account(lambda _: [((), engine.heard_ms / MS)]),
        ),
    )
    return ServiceMetrics(gauges, COUNTERS)


def _unknown(account: "AccountSession") -> Values:
    for sym, manager in account.managers.items():
        yield (sym,), sum(order.state.phase is OrderPhase.UNKNOWN for order in manager.open_orders.values())


def _differences(account: "AccountSession") -> Values:
    return [((), account.context.risk.differences)]


def _reconciled(account: "AccountSession") -> Values:
    return [((), account.context.risk.reconciled)]


def _naked(account: "AccountSession") -> Values:
    now = account.context.venue.now_ms()
    for sym, stops in account.context.protector.symbols.items():
        row = stops.naked
        yield (sym,), 0 if row is None else max(now - row.from_ms, 0) / MS


def _equity(account: "AccountSession") -> Values:
    equity = account.context.risk.equity
    return () if equity is None else [((), float(equity))]


def _armed(account: "AccountSession") -> Values:
    arming = account.context.risk.arming
    return [((), 0 if arming is None else max(arming.expires_at_ms / MS - time.time_ns() / NS_PER_S, 0))]


def _latches(account: "AccountSession") -> Values:
    return [((), len(account.context.risk.latches))]
