"""Pure functions of one order: its row in the journal, its turn, how much of it goes out, how it ends."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple, Protocol, TypeVar

from services.gateway.risk.check import Pass
from shared.control.books import execution_row
from shared.exchanges.trading.amounts import dust, may_be_dust, most_at_once, plain, sized
from shared.exchanges.trading.venue import MarketRules
from shared.journal.rows import Change, ExternalRow, FillRow, OrderRow
from shared.messages import ExecutionReport, Leg, OrderIntent, OrderStatus
from shared.messages.codec import content
from shared.messages.reasons import OrderPhase, Reason, TimeInForce
from shared.orders import Answer, Difference, Event, FundingPayment, OrderState, VenueFill
from shared.orders.fees import fees_text, paid_in
from shared.orders.outcome import OrderOutcome, outcome
from shared.orders.state import OPEN, SHOWN
from shared.record import unvalidated

NS_PER_MS = 1_000_000
_ZERO = Decimal(0)
_IOC = TimeInForce.IOC
_report = unvalidated(ExecutionReport)


@dataclass(slots=True)
class OpenOrder:
    """An open order has no terminal report yet.

    - row: as the journal has it.
    - state: what is known of it.
    - held: what let it wait when it was last judged; none where it waits for another order only. why: see Verdict.
    - alarmed: what a person was told.
    - rests: the venue has shown it as open some time after it was sent: it is not about to end by itself.
    - cancel_sent_ms: when its cancel was last asked for, 0 before.
    - absent_ms: since when the venue has said that it does not know it, 0 where it has not.
    - was_to_join: it waited while the position that it was to join had no stop, or one was closing it.
    - only_reduces: it was sent reduce-only; of one of an earlier session that is known where it was meant to.
    - ended_with: the venue has said that it is over with less than was asked for, and with this at least.
    """

    row: OrderRow
    state: OrderState
    held: Reason | None = None
    why: str = ""
    alarmed: set[str] = field(default_factory=set)
    rests: bool = False
    cancel_sent_ms: int = 0
    absent_ms: int = 0
    was_to_join: bool = False
    only_reduces: bool = False
    ended_with: Decimal | None = None

    @property
    def name(self) -> str:
        """Returns its client order id."""
        return self.row.client_order_id


class OfBook(Protocol):
    """What is of one book has its name."""

    @property
    def book(self) -> str:
        """Returns the book's name."""


Row = TypeVar("Row", bound=OfBook)


def by_book(rows: Iterable[Row]) -> Mapping[str, list[Row]]:
    """Returns the rows of each book, in their order; of a book without any an empty list."""
    found: Mapping[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.book].append(row)
    return found


def row_of(intent: OrderIntent, book: str, epoch: int, now_ms: int) -> OrderRow:
    """Returns the row of an order that was read just now."""
    return OrderRow(
        client_order_id=intent.client_order_id, book=book, sym=intent.sym, tick_n=intent.tick_n, tr=intent.tr,
        ts_event=intent.ts_event, leg=intent.leg, intended_qty=intent.signed_qty, reduce_only=intent.reduce_only,
        price=intent.price, valid_until_ns=intent.valid_until, after=intent.after or "", content=content_of(intent),
        order_n=intent.n, state=OrderPhase.INTENT, signed_qty=_ZERO, at_ms=0, valid_until_ms=0, venue_order_id="",
        filled_qty=_ZERO, paid=_ZERO, commission=_ZERO, reason=None, epoch=epoch, updated_ms=now_ms, by=intent.by,
        type=intent.type, limit_price=intent.limit_price, time_in_force=intent.time_in_force,
        trigger_price=intent.trigger_price,
    )  # fmt: skip


def content_of(intent: OrderIntent) -> str:
    """Returns the hash of all that decides: two orders of one id are the same order where it is equal, at any wire."""
    return sha256(content(intent)).hexdigest()


def open_order_of(row: OrderRow) -> OpenOrder:
    """Returns the order of a row."""
    state = OrderState(
        asked_qty=row.signed_qty if row.at_ms else row.intended_qty, phase=row.state, filled_qty=row.filled_qty,
        paid=row.paid, at_ms=row.at_ms, valid_until_ms=row.valid_until_ms, venue_order_id=row.venue_order_id,
        reason=row.reason, canceled_ms=row.canceled_ms, became=row.became,
    )  # fmt: skip
    return OpenOrder(row, state, only_reduces=row.reduce_only)


REST_MS = 1_000  # at least so long after it was sent an order is on its way, unless it was meant to rest


def rests(order: OpenOrder, event: Event, grace_ms: int) -> bool:
    """Says whether an order rests at the venue, after an event that is in its state already.

    What was not meant to rest does so where the venue still shows it as open when no lag of its reads explains that:
    asked for more than `grace_ms` after it was sent.
    """
    state = order.state
    if state.phase not in SHOWN or order.row.stop_id:
        return False
    if isinstance(event, Answer) and event.what.phase in OPEN:
        meant_to = order.row.time_in_force is TimeInForce.GTC
        return order.rests or meant_to or event.at_ms - state.at_ms >= max(REST_MS, grace_ms)
    return order.rests


def following(row: OrderRow, state: OrderState, epoch: int, now_ms: int, commission: Decimal = _ZERO) -> OrderRow:
    """Returns the row with the order's new state."""
    return row._replace(
        state=state.phase, signed_qty=state.asked_qty if state.at_ms else _ZERO, filled_qty=state.filled_qty,
        paid=state.paid, at_ms=state.at_ms, valid_until_ms=state.valid_until_ms, venue_order_id=state.venue_order_id,
        reason=state.reason, commission=commission, epoch=epoch, updated_ms=now_ms, canceled_ms=state.canceled_ms,
        became=state.became,
    )  # fmt: skip


class Readiness(StrEnum):
    """An order may be judged and sent (GO), or something must end before (WAIT)."""

    GO = "GO"
    WAIT = "WAIT"


def readiness(
    order: OpenOrder, orders: Iterable[OpenOrder], ended: Mapping[str, OrderPhase], now_ns: int, *, dust: bool = False
) -> Readiness | Reason:
    """Returns GO, WAIT, or the reason why the order expires.

    An order that comes `after` another waits until that one is FILLED, or has left no more than dust. What has waited
    past its time expires. For any other order in flight only the risk check lets an order wait.

    - orders: the symbol's open ones.
    - ended: how the orders ended that others come after.
    - dust: what the book holds now cannot be sold, so there is nothing left to close.
    """
    row = order.row
    if row.valid_until_ns and now_ns > row.valid_until_ns:
        return Reason.PAST_VALID_UNTIL
    if row.after and not dust and ended.get(row.after, OrderPhase.FILLED) is not OrderPhase.FILLED:
        return Reason.CLOSE_NOT_FILLED
    return Readiness.WAIT if any(other.name == row.after for other in orders) else Readiness.GO


def to_send(
    row: OrderRow, verdict: Pass, rules: MarketRules, held: Decimal, free: Decimal
) -> tuple[Decimal | Reason, Reason | None]:
    """Returns the quantity that goes out, and why it is less than the order's; or the reason why nothing goes.

    It never goes beyond the verdict's, nor to the other side.

    - rules: what the market lets through; of a limit order at its limit price, as the exchange counts.
    - held: the book's position, signed base units. free: what of it other orders in flight may not sell.
    """
    wanted, cut_by, price = verdict.signed_qty, verdict.cut_by, row.limit_price or row.price
    if rules.kind == "spot" and wanted < 0 and -wanted > free:
        wanted, cut_by = -max(free, _ZERO), Reason.NO_SHORT_ON_SPOT
        if not wanted:
            return cut_by, None
    most = most_at_once(rules, price)
    if (verdict.reduce_only or row.reduce_only) and most is not None and abs(wanted) > most:
        wanted, cut_by = most.copy_sign(wanted), Reason.ABOVE_MAXIMUM  # the rest goes with the next one
    qty = sized(rules, wanted, price, verdict.reduce_only)
    if qty is Reason.BELOW_MINIMUM and free == held and dust(rules, held, row.price):
        return Reason.DUST if row.reduce_only else cut_by or qty, None  # nothing else was there to be sold
    return qty, cut_by


def unsent(row: OrderRow, reason: Reason, rules: MarketRules, held: Decimal) -> str:
    """Returns which number met which of the market's rules, where `to_send` gives a reason.

    held: as there.
    """
    price = row.limit_price or row.price
    asked, most = plain(row.intended_qty), most_at_once(rules, price)
    if reason is Reason.NO_SHORT_ON_SPOT:
        return f"{asked} of a position of {plain(held)}: spot sells no more than is held"
    if reason is Reason.VENUE_REFUSED and most is not None:
        return f"{asked}, and one market order takes at most {plain(most)}"
    least = f"at least {plain(rules.min_qty)} in steps of {plain(rules.step)}, worth {plain(rules.min_notional)}"
    return f"{asked} at {plain(price)} of a position of {plain(held)}: the exchange takes {least}"


class OrderTrades(NamedTuple):
    """An order that is over has these trades, with fees that are worth so much in its quote currency.

    - prices: of the fee currencies that are neither quote nor base (e.g. BNB), 0 of those without one, for good.
    - worthless: these, with what was paid of them.
    - unpriced: those whose price could not be had now.
    """

    fills: tuple[VenueFill, ...] = ()
    prices: Mapping[str, Decimal] = {}
    unpriced: tuple[str, ...] = ()
    worthless: Mapping[str, Decimal] = {}

    def elsewhere(self) -> Decimal:
        """Returns what the fees in such currencies were worth, quote units: the balance does not show them."""
        return sum((price * paid_in(coin, self.fills) for coin, price in self.prices.items()), _ZERO)


def base_held(rules: MarketRules) -> str:
    """Returns the currency in which a spot position is held; nothing on a swap."""
    return rules.base if rules.kind == "spot" else ""


class OrderEnd(NamedTuple):
    """An order ends with its last row and its one terminal report; changes: all that is written, both among it."""

    row: OrderRow
    report: ExecutionReport
    changes: tuple[Change, ...]


def ending(
    row: OrderRow,
    state: OrderState,
    trades: OrderTrades,
    rules: MarketRules,
    *,
    seq: int,
    epoch: int,
    now_ms: int,
    held: Decimal | None = None,
) -> OrderEnd | None:
    """Returns how the order ends; None while a trade or a fee's price is missing.

    - seq: the number of its report in its book.
    - held: what the book held before, signed base units; None: no dust is told of it.
    """
    if trades.unpriced:
        return None
    by_venue = state.phase is OrderPhase.CANCELED and state.reason is Reason.ENDED_BY_VENUE
    if by_venue and row.time_in_force is _IOC and not (state.cause or state.canceled_ms):  # no other cause, nor we
        state = replace(state, reason=Reason.BEYOND_LIMIT)
    if row.leg is Leg.STOP and row.reason is not None and state.phase is OrderPhase.FILLED:
        state = replace(state, reason=row.reason)
    elif row.stop_id and state.reason is Reason.ENDED_BY_VENUE:
        state = replace(state, reason=Reason.STOP_FAILED)
    booked = outcome(state, trades.fills, rules.quote, base_held(rules), trades.prices)
    if booked is None:
        return None
    last = following(row, state, epoch, now_ms, booked.commission)
    dust_left = _ZERO if held is None else _dust_after(last, booked, rules, held + booked.last_qty)
    report = report_of(last, seq, booked, now_ms, dust_left)
    fills = (fill_row(fill, row.client_order_id) for fill in trades.fills)
    return OrderEnd(last, report, (last, *fills, execution_row(row.book, report, now_ms)))


def _dust_after(row: OrderRow, booked: OrderOutcome, rules: MarketRules, held: Decimal) -> Decimal:
    """Returns what the book holds after the order, `held`, if the venue sells no quantity so small; else 0."""
    if booked.last_px is not None:
        return dust(rules, held, booked.last_px)
    by_venue = row.reason is Reason.BELOW_MINIMUM and row.reduce_only and held == -row.intended_qty
    by_venue = by_venue and may_be_dust(rules, held, row.price)
    return held if by_venue else dust(rules, held, row.price) if row.reason is Reason.DUST else _ZERO


def report_of(row: OrderRow, seq: int, booked: OrderOutcome, now_ms: int, dust: Decimal = _ZERO) -> ExecutionReport:
    """Returns the report with number `seq` in its book; its ts_event is when it was known."""
    return _report(
        n=seq, sym=row.sym, ts_event=now_ms * NS_PER_MS, tr=row.tr, tick_n=row.tick_n, order_n=row.order_n,
        client_order_id=row.client_order_id, leg=row.leg, status=booked.status, last_qty=booked.last_qty,
        last_px=booked.last_px, commission=booked.commission, reason=booked.reason, dust=dust, capital=None,
    )  # fmt: skip


def funding_report(payment: FundingPayment, seq: int) -> ExecutionReport:
    """Returns a funding payment's report: its book sees it as a cost, negative when money was received."""
    trace = f"funding:{payment.sym}:{payment.payment_id}"[:160]
    name = sha256(f"funding {payment.sym} {payment.payment_id}".encode()).hexdigest()[:32]
    return _report(
        n=seq, sym=payment.sym, ts_event=payment.at_ms * NS_PER_MS, tr=trace,
        tick_n=0, order_n=0, client_order_id=name, leg=Leg.FUNDING, status=OrderStatus.FILLED, last_qty=_ZERO,
        last_px=None, commission=-payment.amount, reason=None, dust=_ZERO, capital=None,
    )  # fmt: skip


def fill_row(fill: VenueFill, client_order_id: str) -> FillRow:
    """Returns the row of a trade of our order."""
    return FillRow(
        fill.sym, fill.trade_id, fill.venue_order_id, client_order_id, fill.signed_qty, fill.price, fill.fee,
        fill.fee_currency, fill.at_ms, fees_text(fill.extra_fees),
    )  # fmt: skip


def external_row(found: Difference, now_ms: int) -> ExternalRow:
    """Returns the row of a difference that waits for a person."""
    trade = found.trade
    fees = None if trade is None else fees_text(trade.fees)
    price = None if trade is None else trade.price
    return ExternalRow(
        found.kind, found.sym, found.key, found.text, now_ms, "", found.expected, found.found, price, fees
    )  # fmt: skip
