"""State machine and reconciliation against a model venue whose answers are late, doubled, reordered, stale or lost."""

from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.messages import OrderPhase, Reason
from shared.orders import (
    Absent,
    Ambiguous,
    Answer,
    Cancel,
    CancelAccepted,
    DifferenceKind,
    Event,
    Expire,
    FundingPayment,
    NoteKind,
    OrderOutcome,
    OrderRequest,
    OrderState,
    OwnOrder,
    OwnView,
    Reconciliation,
    Send,
    Triggered,
    VenueFill,
    on_event,
    outcome,
    persistent,
    reconcile,
)
from tests.examples import examples
from tests.unit.orders.model_venue import (
    GRACE_MS,
    LAG_MS,
    QUOTE,
    SKEW_MS,
    SYMS,
    THIRD,
    THIRD_PRICE,
    VALIDITY_MS,
    ZERO,
    ModelVenue,
    Plan,
    Question,
)

ENDS = st.sampled_from([OrderPhase.CANCELED, OrderPhase.EXPIRED, OrderPhase.REJECTED, OrderPhase.FILLED])
PLANS = st.builds(
    Plan,
    arrive_in_ms=st.sampled_from([0, 0, 0, 0, VALIDITY_MS, VALIDITY_MS + SKEW_MS, VALIDITY_MS + 500, None]),
    refused=st.sampled_from([False, False, False, False, False, True]),
    part=st.integers(0, 2),
    end=st.none() | st.none() | st.none() | ENDS,
    copies=st.sampled_from([0, 0, 1, 2]),
    full=st.booleans(),
    waits=st.just(False),  # see `start`
)
LAGS = st.sampled_from([LAG_MS, 0])
SLOW_MS = 2 * VALIDITY_MS
TRANSITS = st.sampled_from([0, SLOW_MS])
TIMES = st.integers(1, 3)
WAITS = st.sampled_from([1, SKEW_MS, LAG_MS, VALIDITY_MS, VALIDITY_MS + 2 * GRACE_MS])
EDGES = st.sampled_from([1, 0, GRACE_MS, GRACE_MS + 1])
EVER_MS = 10**9
FIRSTS = st.sampled_from([None, None, None, OrderPhase.CANCELED, OrderPhase.EXPIRED])
QUESTIONS = st.builds(Question, LAGS, LAGS, st.integers(0, 2), st.booleans(), FIRSTS)
ANSWERED = st.builds(Question, LAGS, LAGS, st.just(1), st.booleans(), FIRSTS)
PICK = st.integers(0, 3)
QTYS = st.integers(-3, 3).filter(bool)
SYM = st.sampled_from(sorted(SYMS))
DUST = Decimal("1e-15")  # an average price of three trades has no end


@dataclass
class HeldOrder:
    """An order as the gateway holds it. journaled: its state in the journal, which has an end only with `booked`."""

    sym: str
    state: OrderState
    journaled: OrderState
    fills: list[VenueFill] = field(default_factory=list)
    booked: OrderOutcome | None = None
    glitched: bool = False


class OneLife(RuleBasedStateMachine):
    """An order ends as the venue's own book says, whatever the wire did; the books agree with the account.

    may_wait: the first order may be one that waits for a price.
    """

    may_wait = True

    @initialize(
        skew_ms=st.sampled_from([SKEW_MS, 0, -SKEW_MS]), qty=QTYS, plan=PLANS, doubt=st.booleans(), waits=st.booleans()
    )
    def start(self, skew_ms: int, qty: int, plan: Plan, doubt: bool, waits: bool) -> None:
        self.venue = ModelVenue(skew_ms)
        self.orders: dict[str, HeldOrder] = {}
        self.held = dict.fromkeys(SYMS, ZERO)
        self.cash = ZERO
        self.paid: dict[str, FundingPayment] = {}
        self.planted: set[tuple[DifferenceKind, str]] = set()
        self.planted_qty = dict.fromkeys(SYMS, ZERO)
        self.planted_cash = ZERO
        self._intend("BTCUSDT", qty)
        waiting = plan._replace(waits=True, part=0, end=None)
        self._send(0, waiting if waits and self.may_wait else plan)
        if doubt:
            self._apply("o0", Ambiguous("time-out"))

    # What we do.

    @rule(pick=PICK, transit=TRANSITS, question=QUESTIONS)
    def ask(self, pick: int, transit: int, question: Question) -> None:
        self._ask(self._pick(pick)[0], transit, question)

    @rule(pick=PICK, question=ANSWERED, times=TIMES, edge=st.none() | EDGES)
    def poll(self, pick: int, question: Question, times: int, edge: int | None) -> None:
        """Questions that are answered at once, one after the other, maybe from the instant on from which answers may
        count, or would without the grace.
        """
        key, _ = self._pick(pick)
        if edge is not None:
            self._wait_for(key, edge)
        for _ in range(times):
            self._ask(key, 0, question)
            self._deliver(-1)
            self.venue.advance(1)

    @rule(pick=PICK, both=st.booleans(), copies=st.integers(1, 2))
    def ask_a_broken_replica(self, pick: int, both: bool, copies: int) -> None:
        """Its fills, or fills and state, are those of long ago. That happens once to an order, not twice in a row."""
        key, order = self._pick(pick)
        if not order.glitched:
            order.glitched = True
            self._wait_for(key, GRACE_MS + 1)
            self._ask(key, 0, Question(EVER_MS if both else 0, EVER_MS, copies))
            for _ in range(copies):
                self._deliver(-1)

    @rule(pick=PICK, lost=st.booleans(), works_in=LAGS, copies=st.integers(0, 2))
    def cancel(self, pick: int, lost: bool, works_in: int, copies: int) -> None:
        """Also what is not open; again and again."""
        key, order = self._pick(pick)
        if order.state.phase is OrderPhase.INTENT:
            return
        self._apply(key, Cancel(self.venue.our_ms))
        if not lost:
            self.venue.cancel(key, works_in, copies)

    @precondition(lambda self: self.venue.inbox)
    @rule(pick=st.integers(0, 20))
    def deliver(self, pick: int) -> None:
        self._deliver(pick % len(self.venue.inbox))

    @rule()
    def take_over(self) -> None:
        """Another process goes on with what the journal has."""
        for key, order in self.orders.items():
            order.state = replace(order.journaled, told=None, news_ms=0, agreeing=0, asked_ms=0)
            if order.state.phase is OrderPhase.SENT:
                self._apply(key, Ambiguous("take-over"))

    # What the venue does.

    @rule(ms=WAITS)
    def wait(self, ms: int) -> None:
        self.venue.advance(ms)

    @precondition(lambda self: self.venue.book)
    @rule(pick=PICK, steps=st.integers(1, 3))
    def fill(self, pick: int, steps: int) -> None:
        self.venue.fill(self._pick_on_venue(pick), steps)

    @precondition(lambda self: self.venue.book)
    @rule(pick=PICK, fails=st.booleans(), fills=st.integers(0, 3))
    def trigger(self, pick: int, fails: bool, fills: int) -> None:
        key = self._pick_on_venue(pick)
        self.venue.trigger(key, fails)
        self.venue.fill(key, fills)

    @precondition(lambda self: self.venue.book)
    @rule(pick=PICK)
    def forget(self, pick: int) -> None:
        """Long after a cancel was sent, whether or not anybody has heard that it was taken."""
        key = self._pick_on_venue(pick)
        state = self.orders[key].state
        if state.canceled_ms or state.phase is OrderPhase.CANCELING:
            self.venue.forget(key)

    @precondition(lambda self: self.venue.book)
    @rule(pick=PICK, part=st.integers(0, 2), state=ENDS, asked_before=st.booleans(), question=ANSWERED, times=TIMES)
    def end(self, pick: int, part: int, state: OrderPhase, asked_before: bool, question: Question, times: int) -> None:
        """It ends, maybe while a question is on its way, and is asked for at once."""
        key = self._pick_on_venue(pick)
        if asked_before:
            self._ask(key, SLOW_MS, question)
            self.venue.advance(SLOW_MS - 1)
        self.venue.fill(key, part)
        self.venue.end(key, state)
        self.venue.advance(asked_before)
        if asked_before:
            self._deliver(-1)
        self.poll(list(self.orders).index(key), question, times, None)

    # What must hold.

    @invariant()
    def no_request_is_sent_twice(self) -> None:
        assert all(times == 1 for times in self.venue.received.values())

    @invariant()
    def never_more_is_known_than_is_true(self) -> None:
        for key, order in self.orders.items():
            truth = self.venue.book.get(key)
            filled = truth.now.filled_qty if truth else ZERO
            assert abs(order.state.filled_qty) <= abs(filled)

    @invariant()
    def an_end_is_the_venues_end(self) -> None:
        on_its_way = {request.client_order_id for at, request, _ in self.venue.coming if at <= request.valid_until_ms}
        for key, order in self.orders.items():
            if not order.state.ended:
                continue
            assert key not in on_its_way, "ended, and its request may still be executed"
            truth = self.venue.book.get(key)
            if truth is None:
                assert order.state.phase in {OrderPhase.REJECTED, OrderPhase.EXPIRED} and not order.state.filled_qty
            else:
                assert (order.state.phase, order.state.filled_qty, order.state.paid) == truth.now[:3]

    def teardown(self) -> None:
        """Everything is delivered, time passes: every order ends, and all is settled."""
        if not hasattr(self, "venue"):
            return
        self.venue.advance(10 * VALIDITY_MS)
        for key, order in self.orders.items():
            if order.state.phase is OrderPhase.INTENT:
                self._apply(key, Expire(Reason.END_OF_DATA))
            else:
                self._apply(key, Ambiguous("the last one"))
        for key in self.venue.book:
            self.venue.end(key, OrderPhase.CANCELED)
        while self.venue.inbox:
            self._deliver(0)
        for _ in range(5):  # one more for an order that was triggered
            self.venue.advance(GRACE_MS + 1)
            for key in self.orders:
                self._ask(key, 0, Question(LAG_MS, LAG_MS))
                self._deliver(0)
        for key, order in self.orders.items():
            assert order.state.ended, f"{key} has not ended: {order.state}"
            order.fills += self.venue.fills_until(key, self.venue.now_ms)
            self._book(order)
            assert order.booked is not None
        self.an_end_is_the_venues_end()
        before, now = self._reconcile().differences, self._reconcile()
        assert not now.bookings
        assert persistent(before, now.differences) == now.differences
        assert {(d.kind, d.key) for d in now.differences} == self._expected()
        assert all(self.held[sym] + self.planted_qty[sym] == self.venue.held[sym] for sym in SYMS)

    def _send(self, pick: int, plan: Plan) -> None:
        key, order = self._pick(pick)
        event = Send(self.venue.our_ms, VALIDITY_MS)
        if order.state.phase is not OrderPhase.INTENT:
            with pytest.raises(ValueError, match="takes no Send"):
                on_event(order.state, event, GRACE_MS)
            return
        self._apply(key, event)
        if plan.arrive_in_ms is not None:
            request = OrderRequest(order.sym, key, order.state.asked_qty, False, event.at_ms, event.validity_ms)
            self.venue.coming.append((self.venue.now_ms + plan.arrive_in_ms, request, plan))
            self.venue.advance(0)

    def _intend(self, sym: str, qty: int) -> None:
        state = OrderState(Decimal(qty))
        self.orders[f"o{len(self.orders)}"] = HeldOrder(sym, state, state)

    def _wait_for(self, key: str, edge_ms: int) -> None:
        state = self.orders[key].state
        self.venue.advance(max(0, max(state.valid_until_ms, state.news_ms) + edge_ms - self.venue.our_ms))

    def _pick(self, pick: int) -> tuple[str, HeldOrder]:
        return list(self.orders.items())[pick % len(self.orders)]

    def _pick_on_venue(self, pick: int) -> str:
        return list(self.venue.book)[pick % len(self.venue.book)]

    def _ask(self, key: str, transit: int, question: Question) -> None:
        self.venue.ask(key, transit, bool(self.orders[key].state.became), question)

    def _deliver(self, place: int) -> None:
        key, event = self.venue.inbox.pop(place)
        if isinstance(event, Answer | CancelAccepted | Triggered | Absent):
            event = event._replace(heard_ms=self.venue.our_ms)
        self._apply(key, event)

    def _apply(self, key: str, event: Event) -> None:
        order = self.orders[key]
        before = order.state
        order.state, notes = on_event(before, event, GRACE_MS)
        assert abs(order.state.filled_qty) >= abs(before.filled_qty)
        assert order.state.paid >= before.paid
        assert not before.ended or order.state == before
        for note in notes:
            assert note.kind is not NoteKind.CONTRADICTION, note.text
            assert note.kind is not NoteKind.OTHER_QUANTITY or self.venue.book[key].now.phase is OrderPhase.FILLED
        if not order.state.ended:
            order.journaled = order.state
        self._book(order)

    def _book(self, order: HeldOrder) -> None:
        if order.booked is not None:
            return
        order.booked = outcome(order.state, order.fills, QUOTE, SYMS[order.sym], {THIRD: THIRD_PRICE})
        if order.booked is None:
            return
        order.journaled = order.state
        _, qty, price, commission, _ = order.booked
        self.held[order.sym] += qty
        self.cash -= qty * (price or ZERO) + commission

    def _reconcile(self) -> Reconciliation:
        orders = {key: OwnOrder(order.sym, order.journaled) for key, order in self.orders.items()}
        fills = [fill for order in self.orders.values() if order.booked for fill in order.fills]
        known = OwnView(orders, dict(self.held), fills, dict(self.paid), self.cash)
        result = reconcile(self.venue.shown(), known, GRACE_MS, DUST)
        for payment in result.bookings:
            assert payment.payment_id not in self.paid
            self.paid[payment.payment_id] = payment
            self.cash += payment.amount
        return result

    def _expected(self) -> set[tuple[DifferenceKind, str]]:
        amounts = {(DifferenceKind.POSITION, sym) for sym, qty in self.planted_qty.items() if qty}
        balance = {(DifferenceKind.BALANCE, "balance")} if self.planted_cash else set()
        return self.planted | amounts | balance


class LivesAndBooks(OneLife):
    """Some orders at once; the account is compared at any instant; others trade on it too."""

    may_wait = False  # the second id of one that was triggered is a stranger's until it is told

    @precondition(lambda self: len(self.orders) < 4)
    @rule(sym=SYM, qty=QTYS, plan=PLANS, at_once=st.booleans())
    def trade(self, sym: str, qty: int, plan: Plan, at_once: bool) -> None:
        self._intend(sym, qty)
        if at_once:
            self._send(len(self.orders) - 1, plan)

    @rule(pick=PICK, plan=PLANS)
    def send(self, pick: int, plan: Plan) -> None:
        """Also what was sent already: that is refused."""
        self._send(pick, plan)

    @precondition(lambda self: len(self.orders) < 4)
    @rule(pick=PICK, plan=PLANS, works_in=LAGS)
    def replace_it(self, pick: int, plan: Plan, works_in: int) -> None:
        """A cancel, and the next revision beside it, before the first is over."""
        _, order = self._pick(pick)
        self.cancel(pick, False, works_in, 1)
        self.trade(order.sym, int(order.state.asked_qty), plan, True)

    @rule(pick=PICK, lag=LAGS)
    def read_fills(self, pick: int, lag: int) -> None:
        key, order = self._pick(pick)
        order.fills += self.venue.fills_until(key, self.venue.now_ms - lag)
        self._book(order)

    @rule()
    def look(self) -> None:
        """At any instant, all that differs is what was planted, and orders that have just ended."""
        kinds = {DifferenceKind.ORDER_NOT_OPEN}
        assert {(d.kind, d.key) for d in self._reconcile().differences if d.kind not in kinds} <= self._expected()

    @rule(sym=SYM, cents=st.integers(-3, 3))
    def pay_funding(self, sym: str, cents: int) -> None:
        self.venue.pay(sym, Decimal(cents) / 100)

    # What nobody here did.

    @rule(sym=SYM)
    def plant_order(self, sym: str) -> None:
        order = self.venue.foreign_order(sym)
        self.planted.add((DifferenceKind.EXTERNAL_ORDER, order.report.venue_order_id))

    @rule(sym=SYM, side=st.sampled_from([1, -1]))
    def plant_fill(self, sym: str, side: int) -> None:
        fill = self.venue.foreign_fill(sym, Decimal(side))
        self.planted.add((DifferenceKind.EXTERNAL_FILL, f"{sym}:{fill.trade_id}"))
        self.planted_qty[sym] += side
        self.planted_cash -= side * fill.price

    @rule()
    def plant_funding(self) -> None:
        payment = self.venue.pay("XRPUSDT", Decimal(1))
        self.planted.add((DifferenceKind.EXTERNAL_FUNDING, payment.payment_id))
        self.planted_cash += payment.amount

    @rule()
    def plant_transfer(self) -> None:
        self.venue.cash -= 1
        self.planted_cash -= 1


TestOneLife = OneLife.TestCase
TestOneLife.settings = settings(max_examples=examples(300), stateful_step_count=15, deadline=None)
TestLivesAndBooks = LivesAndBooks.TestCase
TestLivesAndBooks.settings = settings(max_examples=examples(60), stateful_step_count=30, deadline=None)
