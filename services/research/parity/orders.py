"""A run has parity where the line's orders and executions are the backtest's, one for one."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from services.research.in_process_line import InProcessLine, LinePlans, line_plans
from shared.config import Settings
from shared.messages import ExecutionReport, OrderIntent
from shared.plural import plural
from shared.user_code import blaming

BLOCK = 1024


class OrderKey(NamedTuple):
    """A key is what must be the same of an order."""

    tick_n: int
    leg: str
    sym: str
    signed_qty: Decimal
    price: Decimal
    limit_price: Decimal | None = None

    def __str__(self) -> str:
        limit = "" if self.limit_price is None else f", limit {self.limit_price}"
        return f"{self.leg} {self.signed_qty} at {self.price}{limit} (tick {self.tick_n})"

    @classmethod
    def of(cls, order: OrderIntent) -> "OrderKey":
        """Returns the comparable part of an order."""
        return cls(order.tick_n, order.leg.value, order.sym, order.signed_qty, order.price, order.limit_price)


class ExecutionKey(NamedTuple):
    """A key is what must be the same of an order's report."""

    tick_n: int
    leg: str
    status: str
    last_qty: Decimal
    last_px: Decimal | None
    commission: Decimal
    reason: str | None

    def __str__(self) -> str:
        why = f" {self.reason}" if self.reason else ""
        filled = "" if self.last_px is None else f" {self.last_qty} at {self.last_px}, commission {self.commission}"
        return f"{self.leg} {self.status}{why}{filled} (tick {self.tick_n})"

    @classmethod
    def of(cls, report: ExecutionReport) -> "ExecutionKey":
        """Returns the comparable part of a report."""
        return cls(
            report.tick_n, report.leg.value, report.status.value, report.last_qty, report.last_px, report.commission,
            None if report.reason is None else report.reason.value,
        )  # fmt: skip


class OrderParity(NamedTuple):
    """This is what a comparison of a run's orders found.

    - compared: orders that the line or the backtest has.
    - identical: those that both have, equal to the last digit.
    - before: orders in front of the first known one, which left the bus before this run began.
    - executions, same: reports that the line has, and those of them that are the backtest's, likewise.
    """

    compared: int
    identical: int
    final_equity: Decimal
    first_difference: str | None
    before: int = 0
    executions: int = 0
    same: int = 0


def compare(
    settings: Settings,
    ticks: Mapping[str, int],
    orders: Mapping[str, Mapping[int, OrderKey]],
    written: Mapping[str, int] | None = None,
    executions: Mapping[str, Mapping[int, ExecutionKey]] | None = None,
) -> OrderParity:
    """Backtests each symbol's first `ticks` ticks and compares its orders, by n, with those that the line wrote.

    - orders: symbol -> n -> order. When the first of them are not known (a run that went on from an earlier one), the
      comparison starts at the first known one.
    - written: symbol -> n of the last order; where no order is known, the comparison starts behind it.
    - executions: symbol -> n -> report, as far as they are known.
    """
    at_once = settings.ingestor.model_copy(update={"ticks_per_s": 0.0, "limit": None})
    plans = line_plans(settings.model_copy(update={"ingestor": at_once}))
    sums = _Sums()
    for sym in settings.symbols:
        with blaming(sym):
            known = _Known(orders.get(sym, {}), (executions or {}).get(sym, {}))
            sums.add(plans, sym, ticks.get(sym, 0), known, (written or {}).get(sym, 0))
    return OrderParity(sums.compared, sums.identical, sums.equity, sums.first, sums.before, sums.executions, sums.same)


class _Known(NamedTuple):
    orders: Mapping[int, OrderKey]
    executions: Mapping[int, ExecutionKey]


class _Sums:
    """Sums up the comparison of all symbols."""

    def __init__(self) -> None:
        self.compared = self.identical = self.before = self.executions = self.same = 0
        self.equity = Decimal(0)
        self.first: str | None = None

    def add(self, plans: LinePlans, sym: str, left: int, known: _Known, written: int) -> None:
        """Compares one symbol's first `left` ticks."""
        orders, reports = known
        line, start, seen, same = InProcessLine(plans, sym), min(orders, default=written + 1), 0, 0
        self.before += start - 1
        feed = plans.source.open(sym, 0)
        while left > 0 and (quotes := feed.take(min(BLOCK, left))):
            left -= len(quotes)
            for quote in quotes:
                for message in line.on_tick(quote):
                    if isinstance(message, ExecutionReport):
                        same += self._is_same(message, reports)
                        continue
                    if not isinstance(message, OrderIntent) or message.n < start:
                        continue
                    expected, found = OrderKey.of(message), orders.get(message.n)
                    seen += found is not None
                    self.compared += 1
                    self.identical += expected == found
                    if expected != found and self.first is None:
                        self.first = f"{sym} order n={message.n}: backtest {expected}, line {found or 'none'}"
        self.executions += len(reports)
        self.same += same
        if same < len(reports) and self.first is None:
            self.first = f"{sym}: {plural(len(reports) - same, 'execution')} of the line is not the backtest's"
        extra = len(orders) - seen
        if extra and self.first is None:
            self.first = f"{sym}: the line wrote {plural(extra, 'order')} that the backtest does not have"
        self.compared += extra
        self.equity += line.strategy.equity()

    def _is_same(self, report: ExecutionReport, known: Mapping[int, ExecutionKey]) -> bool:
        """Compares a report with the line's of that number, where that is known."""
        expected, found = ExecutionKey.of(report), known.get(report.n)
        if found is not None and expected != found and self.first is None:
            self.first = f"{report.sym} execution n={report.n}: backtest {expected}, line {found}"
        return expected == found
