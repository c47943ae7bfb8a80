"""What is kept for many symbols is at each step what would come out anew: a machine of all that moves a book."""

from decimal import Decimal
from typing import cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.gateway.execution.records import OpenOrder, open_order_of
from services.gateway.risk.check import Pass, ProposedOrder, Verdict
from services.gateway.risk.context import RiskContext
from services.gateway.risk.limits import RiskCheck
from shared.control.books import Books, Retired
from shared.messages import ExecutionReport, Leg, OrderStatus
from shared.messages.reasons import OrderPhase
from shared.orders import VenueQuote
from tests.journal_rows import order

D, NOTHING = Decimal, Decimal(0)
OWN = ("AUSDT", "BUSDT", "CUSDT")
SYMS = (*OWN, "GONEUSDT")  # the last one is traded no more
own, any_sym = st.sampled_from(OWN), st.sampled_from(SYMS)
qtys = st.integers(-30, 30).filter(bool).map(lambda tenths: D(tenths) / 7)
prices = st.decimals("0.0001", "99999", places=4)
sides = st.one_of(st.just(NOTHING), prices)  # of a quote: nobody may be there, and the two may cross


class Heard:
    """A check that lets all pass, and keeps what it was asked."""

    def on_tick(self, asked: ProposedOrder) -> Verdict:
        self.asked = asked
        return Pass(asked.signed_qty, asked.reduce_only, None, ())


class KeptSums(RuleBasedStateMachine):
    """Any sequence of bookings, quotes and orders; then each symbol's order is judged."""

    def __init__(self) -> None:
        super().__init__()
        self.books, self.heard = Books(OWN, D(100)), Heard()
        self.open: dict[str, dict[str, OpenOrder]] = {}
        self.left: dict[str, list[OpenOrder]] = {}
        self.risk = RiskContext(cast(RiskCheck, self.heard), self.books, self.open, 60.0)
        self.retired: list[Retired] = []
        self.told: dict[str, Decimal] = {}  # the price that counts, of what was ever quoted
        self.number = 0

    def report(self, sym: str, **changed: object) -> ExecutionReport:
        self.number += 1
        return ExecutionReport(
            n=self.number, sym=sym, ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id=f"{self.number:032x}",
            leg=Leg.NET, status=OrderStatus.FILLED, last_qty=NOTHING, last_px=None, commission=NOTHING, reason=None,
        ).model_copy(update=changed)  # fmt: skip

    @rule(sym=any_sym, qty=qtys, price=prices, fee=qtys, dust=st.booleans())
    def fill(self, sym: str, qty: Decimal, price: Decimal, fee: Decimal, *, dust: bool) -> None:
        left = self.books.position(sym) + qty if dust else NOTHING
        self.books.book(self.report(sym, last_qty=qty, last_px=price, commission=fee, dust=left))

    @rule(sym=own, price=prices)
    def close(self, sym: str, price: Decimal) -> None:
        if held := self.books.position(sym):
            self.books.book(self.report(sym, last_qty=-held, last_px=price))

    @rule(sym=own, paid=qtys)
    def fund(self, sym: str, paid: Decimal) -> None:
        self.books.book(self.report(sym, leg=Leg.FUNDING, commission=paid))

    @rule(sym=own, capital=prices)
    def give_capital(self, sym: str, capital: Decimal) -> None:
        self.books.book(self.report(sym, capital=capital))

    @rule(sym=own, capital=prices)
    def begin(self, sym: str, capital: Decimal) -> None:
        self.books.begin(sym, capital)

    @rule(sym=any_sym, qty=st.one_of(st.just(NOTHING), qtys), price=prices)
    def retire(self, sym: str, qty: Decimal, price: Decimal) -> None:
        self.retired.append(Retired(f"{len(self.retired)}:{sym}", sym, qty, price if qty else NOTHING, NOTHING))
        self.books.retire(self.retired[-1])

    @rule(sym=any_sym, bid=sides, ask=sides, at_ms=st.integers(0, 9))
    def quote(self, sym: str, bid: Decimal, ask: Decimal, at_ms: int) -> None:
        self.risk.see_quotes({sym: VenueQuote(sym, bid, ask, at_ms)})
        self.told[sym] = max(bid, ask, NOTHING if ask else self.told.get(sym, NOTHING))

    def order(self, sym: str, qty: Decimal, price: Decimal, phase: OrderPhase) -> OpenOrder:
        self.number += 1
        return open_order_of(order(self.number, sym=sym, state=phase, signed_qty=qty, intended_qty=qty, price=price))

    phases = st.sampled_from([OrderPhase.INTENT, OrderPhase.SENT, OrderPhase.UNKNOWN, OrderPhase.NEW])

    @rule(sym=own, qty=qtys, price=prices, phase=phases)
    def send(self, sym: str, qty: Decimal, price: Decimal, phase: OrderPhase) -> None:
        made = self.order(sym, qty, price, phase)
        self.open.setdefault(sym, {})[made.name] = made

    @rule(sym=any_sym, qty=qtys, price=prices, phase=phases)
    def leave_in_flight(self, sym: str, qty: Decimal, price: Decimal, phase: OrderPhase) -> None:
        self.left.setdefault(sym, []).append(self.order(sym, qty, price, phase))
        self.risk.left = self.left

    @rule(sym=own)
    def end(self, sym: str) -> None:
        if sym in self.open:
            self.open[sym].pop(next(iter(self.open[sym])))
            if not self.open[sym]:
                del self.open[sym]

    def paid(self, sym: str) -> Decimal:
        held = self.books._accounts[sym].held(sym) if sym in OWN else None
        gone = [book.price for book in self.retired if book.sym == sym and book.qty]
        return max([NOTHING if held is None else held.price, *gone])

    def worth(self, sym: str, held: Decimal, orders: list[OpenOrder]) -> Decimal:
        flying = [one.state.asked_qty for one in orders if one.state.phase is not OrderPhase.INTENT]
        ends = [held + sum((qty for qty in flying if qty * sign > 0), NOTHING) for sign in (1, -1)]
        price = max([self.told.get(sym) or self.paid(sym), *(one.row.price for one in orders)])
        return max(map(abs, ends)) * price

    @invariant()
    def what_others_are_worth_is_what_comes_out_anew(self) -> None:
        for judged in OWN:
            self.risk.judge(order(0, sym=judged, signed_qty=D(1)))
            own = [self.worth(sym, self.books.position(sym), [*self.open.get(sym, {}).values()])
                   for sym in OWN if sym != judged]  # fmt: skip
            gone = [self.worth(sym, sum((x.qty for x in self.retired if x.sym == sym), NOTHING), self.left.get(sym, []))
                    for sym in SYMS]  # fmt: skip
            found = self.heard.asked.context.other_notional
            assert abs(found - sum([*own, *gone])) <= abs(found) * D("1e-24"), "but for the last digits"

    @invariant()
    def the_balance_of_all_is_the_sum_of_each(self) -> None:
        each = sum((self.books.balance_of(sym) for sym in OWN), NOTHING)
        assert abs(self.books.balance() - each) <= abs(each) * D("1e-24") + D("1e-20")


KeptSums.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestKeptSums = KeptSums.TestCase


def test_a_book_that_is_retired_may_say_that_more_was_paid_for_what_another_one_holds() -> None:
    made = KeptSums()
    made.fill("BUSDT", D(1), D(2), NOTHING, dust=False)
    made.what_others_are_worth_is_what_comes_out_anew()
    made.retire("BUSDT", D(1), D(5))
    made.what_others_are_worth_is_what_comes_out_anew()
