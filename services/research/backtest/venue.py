"""A backtest's venue fills orders by its rules, pays funding, and liquidates."""

from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from services.gateway.paper import PaperStage
from services.research.backtest.funding import FundingRates
from services.strategy.order_writer import client_order_id
from shared.account import Account, Position
from shared.account.paper_fill import PaperFill
from shared.account.simulated_stop import FiredStop
from shared.history import HistoryBar
from shared.history.zone import Zone, start_of
from shared.messages import ExecutionReport, Leg, Message, OrderIntent, OrderStatus, Reason, StopKind, Stream
from shared.messages.market import trace_id
from shared.record import unvalidated

_ZERO = Decimal(0)
_report = unvalidated(ExecutionReport)
Fires = Callable[[], FiredStop | None]


class VenueRules(BaseModel):
    """The rules say what a backtest's venue does; by default, what the live paper venue does.

    - fill: `decision`, at the decision price; `next_open`, at the next bar's open (in a file with a price alone: at the
      next price), and EXPIRED where there is no next one.
    - maintenance_margin: positions are isolated and liquidated at this margin rate; None: never.
    - funding: a CSV or Parquet file `datetime, rate`; None: no funding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    fill: Literal["decision", "next_open"] = "decision"
    maintenance_margin: Annotated[Decimal, Field(ge=0, lt=1)] | None = None
    funding: Path | None = None

    @property
    def as_paper(self) -> bool:
        """Says whether the gateway's own paper venue does all of it."""
        return self.fill == "decision" and self.maintenance_margin is None and self.funding is None


def liquidation_price(position: Position, leverage: Decimal, maintenance_margin: Decimal) -> Decimal:
    """Returns the price at which an isolated position's margin, in a linear contract, is the maintenance margin.

    With entry price p, leverage l and maintenance margin rate m: long p (l − 1) / (l (1 − m)), short
    p (l + 1) / (l (1 + m)). There p / l + (price − p) = m × price, for one unit held long. A long without leverage is
    never liquidated: 0 or below. The author's part two has an inverse contract's formula: docs/research/backtest.md.

    >>> long, short = (Position("BTCUSDT", Decimal(qty), Decimal(100)) for qty in (1, -1))
    >>> liquidation_price(long, Decimal(10), Decimal(0)), liquidation_price(short, Decimal(10), Decimal(0))
    (Decimal('90'), Decimal('110'))
    """
    entry, one = position.price, Decimal(1)
    if position.signed_qty.is_signed():
        return entry * (leverage + one) / (leverage * (one + maintenance_margin))
    return entry * (leverage - one) / (leverage * (one - maintenance_margin))


def liquidated_at(position: Position, price: Decimal, first: Decimal, high: Decimal, low: Decimal) -> Decimal | None:
    """Returns the price at which a bar liquidates a position; None where it does not.

    - price: the position's liquidation price.
    - first, high, low: the bar's, first its open. A bar that opened beyond it gapped through: then it is the open.

    >>> long = Position("BTCUSDT", Decimal(1), Decimal(100))
    >>> bars = ((98, 99, 91), (98, 99, 85), (88, 95, 85))  # open, high, low
    >>> [liquidated_at(long, Decimal(90), *map(Decimal, bar)) for bar in bars]
    [None, Decimal('90'), Decimal('88')]
    """
    if position.signed_qty.is_signed():
        return max(price, first) if high >= price else None
    return min(price, first) if low <= price else None


def _comes_before(fired: FiredStop, position: Position, price: Decimal, first: Decimal) -> bool:
    """Says whether a bar fires a stop before it comes to the price at which it would liquidate the position.

    first: the bar's open. Of a take-profit within the bar, and of what the close alone fires, nobody knows, so the
    worse comes first.
    """
    if fired.by_close or (fired.kind is StopKind.TAKE_PROFIT and fired.price != first):
        return False
    return fired.price <= price if position.signed_qty.is_signed() else fired.price >= price


class BacktestVenue(PaperStage):
    """The venue takes one symbol's orders and gives one terminal report for each: at once, or with the next bar.

    What an order costs, and whether it misses its limit, is the paper venue's rule. `on_bar` is called before the bar's
    tick: the orders that wait fill at its open; then the funding that fell due since the bar before is paid; then the
    position is liquidated if the bar's low or high reaches its liquidation price, with the taker's fee and without
    slippage. A stop that the bar fires comes before that, unless the bar reaches the liquidation price first; its order
    waits for no bar.

    - funding: the rates that fall due; None without.
    - leverage: of the isolated margin.
    - zone: whose days the bars are, where they are of whole days.
    """

    def __init__(
        self,
        sym: str,
        rules: VenueRules,
        fee: Decimal,
        slippage_bps: Decimal,
        leverage: Decimal,
        interval_ns: int,
        zone: Zone | None = None,
        funding: FundingRates | None = None,
    ) -> None:
        super().__init__(fee, slippage_bps)
        self._sym = sym
        self._forced = PaperFill(fee, _ZERO)
        self._waits = rules.fill == "next_open"
        self._margin = rules.maintenance_margin
        self._leverage = leverage
        self._funding = funding
        self._start_of = start_of(interval_ns, zone)
        self._waiting: deque[OrderIntent] = deque()
        self._tick_n = 0

    def on_tick(self, val: Message) -> list[Message] | None:
        """Takes an OrderIntent."""
        order = cast(OrderIntent, val)
        self._tick_n = order.tick_n
        if self._waits and order.stop is None:
            self._waiting.append(order)
            return []
        return [self.answer(order, order.price, order.ts_event)]

    def on_bar(self, bar: HistoryBar, account: Account, fires: Fires | None = None) -> Iterator[ExecutionReport]:
        """Yields what happens in a bar before its close.

        Each report is to be booked in `account` before the next one is taken: funding and liquidation look at the
        position as the fills left it.

        - fires: says which stop of the position the bar will fire, where positions have stops.
        """
        opened = bar.ts_event if bar.price_alone else self._start_of(bar.ts_event)
        while self._waiting:
            yield self.answer(self._waiting.popleft(), bar.open, opened)
        if self._funding is not None:
            yield from self._funded(self._funding, bar, account)
        position = account.position(self._sym)
        if self._margin is None or position is None:
            return
        limit = liquidation_price(position, self._leverage, self._margin)
        price = liquidated_at(position, limit, bar.open, bar.high, bar.low)
        fired = None if price is None or fires is None else fires()
        if price is not None and not (fired is not None and _comes_before(fired, position, price, bar.open)):
            qty = position.signed_qty.copy_negate()
            _, commission = self._forced.of(qty, price)
            yield self._unasked(Leg.LIQUIDATION, bar.ts_event, qty, price, commission)

    def at_end(self) -> Iterator[ExecutionReport]:
        """Yields the reports of the orders that no bar came for."""
        while self._waiting:
            order = self._waiting.popleft()
            yield self._unfilled(order, OrderStatus.EXPIRED, Reason.END_OF_DATA, order.ts_event)

    def _funded(self, funding: FundingRates, bar: HistoryBar, account: Account) -> Iterator[ExecutionReport]:
        """Yields the funding that fell due.

        The position is valued at the price nearest in time that the bar knows: its open in its first half, its close
        in the second.
        """
        for ts_event, rate in funding.until(bar.ts_event):
            position = account.position(self._sym)
            if position is not None:
                late = 2 * ts_event > bar.ts_event + self._start_of(bar.ts_event)
                paid = position.signed_qty * (bar.close if late else bar.open) * rate
                yield self._unasked(Leg.FUNDING, ts_event, _ZERO, None, paid)

    def _unasked(
        self, leg: Leg, ts_event: int, qty: Decimal, price: Decimal | None, commission: Decimal
    ) -> ExecutionReport:
        n = self._numbers.next(Stream.EXECUTIONS)
        trace = trace_id("backtest", self._sym, ts_event, n)
        return _report(
            n=n, sym=self._sym, ts_event=ts_event, tr=trace, tick_n=self._tick_n, order_n=0,
            client_order_id=client_order_id("venue", trace, leg), leg=leg, status=OrderStatus.FILLED, last_qty=qty,
            last_px=price, commission=commission, reason=None, dust=_ZERO, capital=None,
        )  # fmt: skip
