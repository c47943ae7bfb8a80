"""A venue as a model: one clock, one book, and everything that can go wrong on the way there and back.

What is true is in `book`. What is told goes through a wire that loses, delays, doubles and reorders, and is read from
two replicas, one for states and one for fills, that lag up to LAG_MS. An order's own row is written whole, states and
fills together, and is read from a replica that lags as well; the list of its trades is another. Our idea of the venue's
clock is wrong by up to SKEW_MS. The grace time is just enough for both.

A cancel may come too late, be taken and work later, and be lost on either way; a cancelled order may be forgotten. An
order that waits for a price becomes another one, of another id, or fails when it is triggered; the row of the
first is over then.
"""

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import NamedTuple, cast

from shared.messages import OrderPhase, Reason
from shared.orders import (
    Absent,
    Ambiguous,
    Answer,
    CancelAccepted,
    Event,
    FundingPayment,
    OrderRequest,
    OrderStatusReport,
    Refused,
    Triggered,
    VenueFill,
    VenueOrder,
    VenuePosition,
    VenueView,
)
from shared.orders.state import ENDED, OPEN

LAG_MS = 300
SKEW_MS = 100
GRACE_MS = LAG_MS + SKEW_MS
VALIDITY_MS = 1_000
QUOTE, THIRD = "USDT", "BNB"
THIRD_PRICE = Decimal(600)
SYMS = {"BTCUSDT": "BTC", "ETHUSDT": "ETH"}
ZERO = Decimal(0)


class Plan(NamedTuple):
    """What becomes of a request: when it arrives (None: never), what the venue does at once, and when its reply comes.

    part: steps filled at once. end: how it ends at once, if it does. copies: replies that come back (0: lost).
    full: the answer has all its trades. waits: for a price, until it is triggered.
    """

    arrive_in_ms: int | None
    refused: bool
    part: int
    end: OrderPhase | None
    copies: int
    full: bool = False
    waits: bool = False


class Question(NamedTuple):
    """What we ask about an order, and what answers: replicas that lag, and so many answers (0: a time-out).

    own: its own row, and then its trades, whose list lags by fill_lag_ms; else its state and its fills apart.
    first: of an order that was triggered and is asked for by its second id, the row of the first comes: it ended so.
    """

    state_lag_ms: int = 0
    fill_lag_ms: int = 0
    copies: int = 1
    own: bool = False
    first: OrderPhase | None = None


@dataclass
class Truth:
    """An order on the venue's own book: every state it was in since, and its trades."""

    sym: str
    asked: Decimal
    since: list[int] = field(default_factory=list)
    was: list[OrderStatusReport] = field(default_factory=list)
    fills: list[VenueFill] = field(default_factory=list)
    waits: bool = False
    forgotten: bool = False

    @property
    def now(self) -> OrderStatusReport:
        return self.was[-1]

    def at(self, ms: int) -> OrderStatusReport | None:
        place = bisect_right(self.since, ms)
        return self.was[place - 1] if place else None


class ModelVenue:
    """The venue, its clock, the wire to it (`coming`) and the wire back (`inbox`)."""

    def __init__(self, skew_ms: int) -> None:
        self.now_ms = 1_000_000
        self.skew_ms = skew_ms
        self.book: dict[str, Truth] = {}
        self.received: Counter[str] = Counter()
        self.coming: list[tuple[int, OrderRequest, Plan]] = []
        self.questions: list[tuple[int, str, int, bool, Question]] = []
        self.cancels: list[tuple[int, str]] = []  # taken, and when they work
        self.inbox: list[tuple[str, Event]] = []
        self.held = dict.fromkeys(SYMS, ZERO)
        self.cash = ZERO
        self.foreign_orders: list[VenueOrder] = []
        self.foreign_fills: list[VenueFill] = []
        self.funding: list[FundingPayment] = []
        self._numbers = count(1)

    @property
    def our_ms(self) -> int:
        """What we take the venue's clock to be."""
        return self.now_ms + self.skew_ms

    def advance(self, ms: int) -> None:
        """Let time pass; what arrives meanwhile arrives at its time."""
        until = self.now_ms + ms
        while due := sorted([at for at, *_ in (*self.coming, *self.questions, *self.cancels) if at <= until]):
            self.now_ms = max(self.now_ms, due[0])
            for item in [item for item in self.coming if item[0] <= self.now_ms]:
                self.coming.remove(item)
                self._receive(item[1], item[2])
            for question in [question for question in self.questions if question[0] <= self.now_ms]:
                self.questions.remove(question)
                self._answer(*question[1:])
            for cancel in [cancel for cancel in self.cancels if cancel[0] <= self.now_ms]:
                self.cancels.remove(cancel)
                self.end(cancel[1], OrderPhase.CANCELED)
        self.now_ms = until

    def ask(self, key: str, transit_ms: int, second: bool, question: Question) -> None:
        """Look an order up. second: the one that it has become, by that one's id."""
        self.questions.append((self.now_ms + transit_ms, key, self.our_ms, second, question))
        self.advance(0)

    def _answer(self, key: str, asked_ms: int, second: bool, question: Question) -> None:
        told, event = self._view(key, question), cast(Event, Absent(asked_ms, *self._traded(key, question)))
        if told is not None and told.venue_order_id.startswith("w") and not second:
            event = Triggered(asked_ms, 0, told.venue_order_id)
        elif told is not None and second and question.first:
            event = Answer(asked_ms, OrderStatusReport(question.first, ZERO, ZERO, f"v{key}", ZERO), 0)
        elif told is not None and told.venue_order_id.startswith("w") == second:
            event = Answer(asked_ms, told, 0)
        self.inbox.extend([(key, event)] * question.copies or [(key, Ambiguous("time-out"))])

    def _view(self, key: str, question: Question) -> OrderStatusReport | None:
        truth = self.book.get(key)
        state = truth and truth.at(self.now_ms - question.state_lag_ms)
        if truth is None or state is None or truth.forgotten:
            return None
        if question.own:
            return state._replace(traded_qty=self._traded(key, question)[0])
        fills = truth.at(self.now_ms - question.fill_lag_ms)
        return state._replace(filled_qty=fills.filled_qty if fills else ZERO, paid=fills.paid if fills else ZERO)

    def _traded(self, key: str, question: Question) -> tuple[Decimal, Decimal]:
        """What its trades come to, as their list shows them."""
        truth = self.book.get(key)
        seen = truth and truth.at(self.now_ms - question.fill_lag_ms)
        return (seen.filled_qty, seen.paid) if seen else (ZERO, ZERO)

    def cancel(self, key: str, works_in_ms: int, copies: int) -> None:
        """A cancel arrives. What is not open is not cancelled; what is taken works a little later."""
        truth = self.book.get(key)
        if truth is None or truth.now.phase not in OPEN:
            return
        self.inbox.extend([(key, CancelAccepted(self.our_ms, 0))] * copies)
        self.cancels.append((self.now_ms + works_in_ms, key))
        self.advance(0)

    def trigger(self, key: str, fails: bool) -> None:
        """The price that it waits for is there: it becomes another order, or is refused as that."""
        truth = self.book[key]
        if not truth.waits or truth.now.phase not in OPEN:
            return
        truth.waits = False
        self._put(key, OrderPhase.NEW, ZERO, ZERO, f"w{key}")
        if fails:
            self.end(key, OrderPhase.REJECTED)

    def forget(self, key: str) -> None:
        """As some venues do with what was cancelled, long after."""
        truth = self.book[key]
        if truth.now.phase is OrderPhase.CANCELED and self.now_ms - truth.since[-1] > LAG_MS:
            truth.forgotten = True

    def _receive(self, request: OrderRequest, plan: Plan) -> None:
        key = request.client_order_id
        self.received[key] += 1
        event: Event
        if self.now_ms > request.valid_until_ms:
            event = Refused(Reason.ENDED_BY_VENUE, "the request has expired")
        elif plan.refused:
            event = Refused(Reason.ENDED_BY_VENUE, "insufficient margin")
        else:
            self.book[key] = Truth(request.sym, request.signed_qty, waits=plan.waits)
            self._put(key, OrderPhase.NEW, ZERO, ZERO, f"v{key}")
            self.fill(key, plan.part)
            if plan.end:
                self.end(key, plan.end)
            now = self.book[key].now
            event = Answer(request.at_ms, now._replace(traded_qty=now.filled_qty) if plan.full else now, 0)
        self.inbox.extend([(key, event)] * plan.copies or [(key, Ambiguous("lost reply"))])

    def fill(self, key: str, steps: int) -> None:
        """Fill some of an open order, one unit a trade, each with its fee."""
        truth = self.book[key]
        side = Decimal(1).copy_sign(truth.asked)
        for _ in range(steps):
            if truth.waits or truth.now.phase not in OPEN or truth.now.filled_qty == truth.asked:
                return
            number = next(self._numbers)
            price = Decimal(100 + number % 7)
            fee, currency = self._fee(truth.sym, side, price, number)
            fill = VenueFill(
                f"{number}", truth.now.venue_order_id, key, truth.sym, side, price, fee, currency, self.now_ms
            )
            truth.fills.append(fill)
            self._settle(fill)
            filled = truth.now.filled_qty + side
            state = OrderPhase.FILLED if filled == truth.asked else OrderPhase.PARTIALLY_FILLED
            self._put(key, state, filled, truth.now.paid + price, truth.now.venue_order_id)

    def end(self, key: str, state: OrderPhase) -> None:
        """End an open order with what it has; REJECTED only if that is nothing."""
        now = self.book[key].now
        if now.phase in OPEN and not (state is OrderPhase.REJECTED and now.filled_qty):
            self._put(key, state, now.filled_qty, now.paid, now.venue_order_id)

    def fills_until(self, key: str, ms: int) -> list[VenueFill]:
        """The trades of an order that a read at `ms` shows."""
        truth = self.book.get(key)
        return [fill for fill in truth.fills if fill.at_ms <= ms] if truth else []

    def foreign_fill(self, sym: str, side: Decimal) -> VenueFill:
        """Somebody trades by hand on the same account."""
        number = next(self._numbers)
        fill = VenueFill(f"{number}", f"f{number}", "", sym, side, Decimal(90), ZERO, QUOTE, self.now_ms)
        self.foreign_fills.append(fill)
        self._settle(fill)
        return fill

    def foreign_order(self, sym: str) -> VenueOrder:
        """Somebody has placed an order by hand."""
        snapshot = OrderStatusReport(OrderPhase.NEW, ZERO, ZERO, f"f{next(self._numbers)}")
        self.foreign_orders.append(VenueOrder(sym, "", snapshot))
        return self.foreign_orders[-1]

    def pay(self, sym: str, amount: Decimal) -> FundingPayment:
        """A funding payment."""
        self.funding.append(FundingPayment(f"p{next(self._numbers)}", sym, amount, self.now_ms))
        self.cash += amount
        return self.funding[-1]

    def shown(self) -> VenueView:
        """The account as it is now; the venue tells the client id of every other trade only."""
        fills = [fill for truth in self.book.values() for fill in truth.fills]
        told = [fill if int(fill.trade_id) % 2 else fill._replace(client_order_id="") for fill in fills]
        return VenueView(
            at_ms=self.our_ms,
            since_ms=0,
            orders=[VenueOrder(t.sym, key, t.now) for key, t in self.book.items() if t.now.phase in OPEN]
            + self.foreign_orders,
            fills=told + told[:1] + self.foreign_fills,
            positions=[VenuePosition(sym, qty, None) for sym, qty in self.held.items() if qty],
            funding=self.funding + self.funding[:1],
            balance=self.cash,
        )

    def _fee(self, sym: str, side: Decimal, price: Decimal, number: int) -> tuple[Decimal, str]:
        if number % 3 == 0:
            return Decimal("0.0001"), THIRD
        if number % 3 == 1 and side > 0:
            return Decimal("0.001"), SYMS[sym]
        return price * Decimal("0.0004"), QUOTE

    def _settle(self, fill: VenueFill) -> None:
        base = fill.fee if fill.fee_currency == SYMS[fill.sym] else ZERO
        quote = {QUOTE: fill.fee, THIRD: fill.fee * THIRD_PRICE}.get(fill.fee_currency, ZERO)
        self.held[fill.sym] += fill.signed_qty - base
        self.cash -= fill.signed_qty * fill.price + quote

    def _put(self, key: str, state: OrderPhase, filled: Decimal, paid: Decimal, id_: str) -> None:
        truth = self.book[key]
        assert not truth.was or truth.now.phase not in ENDED
        truth.since.append(self.now_ms)
        truth.was.append(OrderStatusReport(state, filled, paid, id_))
