"""Plan and life of stops against a model exchange: late, lost and wrong answers, triggers that fail, kills, hands."""

from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.gateway.execution.protection import (
    CancelStop,
    CloseAtMarket,
    GiveUp,
    Holding,
    Place,
    ProtectTimes,
    TakenPlace,
    WantedStop,
    clearing,
    covered,
    plan,
)
from services.gateway.execution.stop_lives import StopLives
from services.gateway.execution.stop_records import placed_life, request_of
from shared.exchanges.binance.stops import FORM as BINANCE
from shared.exchanges.bybit.stops import FORM as BYBIT
from shared.exchanges.okx.stops import FORM as OKX
from shared.exchanges.trading.stop_profile import StopForm
from shared.messages.reasons import Reason, StopKind
from shared.orders import Absent, Ambiguous, Refused
from shared.orders.state import Cancel
from shared.orders.stop_life import EntryEnded, Placed, StopLife, Superseded, Told
from shared.orders.stops import Beyond, Occupied, StopAnswer, StopPhase, StopReport, StopRequest

ZERO, PRICE, LOW = Decimal(0), Decimal(100), Decimal(95)
STOP, TAKE = StopKind.STOP, StopKind.TAKE_PROFIT
WANTED = {STOP: WantedStop(LOW), TAKE: WantedStop(Decimal(110))}
GRACE_MS, VALIDITY_MS, LAG_MS = 300, 1_000, 250
TIMES = ProtectTimes(naked_ms=2_000, trigger_ms=3_000)
QTYS = st.integers(1, 3).map(Decimal)
FATES = st.sampled_from(["", "", "", "fails", "short", "nothing", "sticks"])
LATE = st.sampled_from([0, 0, LAG_MS])
LOST = st.sampled_from(["", "", "answer", "late"])
ARRIVES_MS = 3_000  # later than its validity: some honour none


@dataclass
class ModelStop:
    """A stop as the exchange has it.

    shown_ms, told_ms: from when on a read knows it, with its price, and its order's id. before: its price until then.
    """

    request: StopRequest
    venue_id: str
    phase: StopPhase
    qty: Decimal
    shown_ms: int
    fate: str = ""
    order_id: str = ""
    told_ms: int = 0
    fired_ms: int = 0
    filled: Decimal = ZERO
    whole_filled: bool = False
    before: Decimal | None = None

    @property
    def whole(self) -> bool:
        return not self.qty


class ModelExchange:
    """Keeps one long position and its stops; a stop never opens one.

    stops: by our id, or by the exchange's own where it takes none of ours. ends: a stop ends with its position, where
    the exchange says so.
    """

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.held = ZERO
        self.price = PRICE
        self.stops: dict[str, ModelStop] = {}
        self.coming: list[tuple[int, StopRequest, bool]] = []  # requests on their way, whose answers nobody hears
        self.fate, self.late_ms, self.ends, self.hands = "", 0, True, 0

    def arrive(self) -> None:
        """Takes what has arrived by now; what is refused nobody hears."""
        due = [one for one in self.coming if one[0] <= self.now_ms]
        self.coming = [one for one in self.coming if one[0] > self.now_ms]
        for _, request, whole in due:
            self.place(request, whole=whole)

    def by_hand(self, price: Decimal) -> None:
        """Somebody places a stop of the whole position."""
        self.hands += 1
        request = StopRequest("BTCUSDT", f"hand{self.hands}", STOP, self.held, price)
        self.place(request, whole=True)

    def place(self, request: StopRequest, *, whole: bool) -> StopAnswer:
        assert request.stop_id not in self.stops, "sent twice"
        if whole and any(one.whole for one in self.waiting(request.kind)):
            return Occupied("-4130")
        if refused := self.refused(request):
            return refused
        qty, shown_ms = ZERO if whole else request.held_qty, self.now_ms + self.late_ms
        made = ModelStop(request, f"v{request.stop_id}", StopPhase.WAITING, qty, shown_ms, self.fate)
        self.stops[request.stop_id] = made
        return self.report(made)

    def refused(self, request: StopRequest) -> Beyond | Refused | None:
        if self.reached(request):
            return Beyond("-2021")
        return None if self.held else Refused(Reason.NOTHING_TO_REDUCE, "-4509")

    def reached(self, request: StopRequest) -> bool:
        return self.price <= request.price if request.kind is STOP else self.price >= request.price

    def waiting(self, kind: StopKind | None = None) -> list[ModelStop]:
        found = [one for one in self.stops.values() if one.phase is StopPhase.WAITING]
        return [one for one in found if kind in (None, one.request.kind)]

    def move(self, price: Decimal) -> None:
        self.price = price
        for one in self.waiting():
            if one.phase is StopPhase.WAITING and self.reached(one.request):
                self._fire(one)

    def _fire(self, one: ModelStop) -> None:
        qty = one.qty or self.held
        if one.fate == "fails" or not self.held or qty > self.held:
            one.phase = StopPhase.FAILED
        elif one.fate == "sticks":
            one.phase = StopPhase.TRIGGERING
        else:
            share = {"short": Decimal("0.5"), "nothing": ZERO}.get(one.fate, Decimal(1))
            one.phase, one.order_id, one.filled = StopPhase.TRIGGERED, self.order_of(one), qty * share
            one.told_ms, one.fired_ms, one.whole_filled = self.now_ms + self.late_ms, self.now_ms, share == 1
            self.trade(-one.filled)

    def order_of(self, one: ModelStop) -> str:
        return f"o{one.venue_id}"

    def became(self, order_id: str) -> ModelStop:
        """Returns the stop that an order was."""
        (one,) = [one for one in self.stops.values() if one.order_id == order_id]
        return one

    def trade(self, qty: Decimal) -> Decimal:
        """Buys; or sells as far as that only reduces. Returns what was done."""
        done = qty if qty > 0 else -min(-qty, self.held)
        self.held += done
        return done

    def report(self, one: ModelStop) -> StopReport:
        phase, order_id = one.phase, one.order_id
        if phase is StopPhase.TRIGGERED and self.now_ms < one.told_ms:
            phase, order_id = StopPhase.TRIGGERING, ""
        asked = one.request
        return StopReport(
            asked.sym, asked.kind, phase, one.venue_id, asked.stop_id, asked.price, -one.qty, one.whole, order_id
        )

    def listed(self) -> list[StopReport]:
        return [self.report(one) for one in self.waiting() if self.shown(one)]

    def find(self, asked: StopReport) -> StopReport | Absent:
        one = self.named(asked)
        return Absent(self.now_ms) if one is None or not self.shown(one) else self.report(one)

    def named(self, asked: StopReport) -> ModelStop | None:
        return self.stops.get(asked.stop_id)

    def shown(self, one: ModelStop) -> bool:
        return one.shown_ms <= self.now_ms

    def cancel(self, asked: StopReport) -> StopReport | Absent:
        one = self.named(asked)
        if one is None or one.phase is not StopPhase.WAITING or not self.shown(one):
            return Absent(self.now_ms)
        one.phase = StopPhase.CANCELED
        return self.report(one)


class InPlaceExchange(ModelExchange):
    """Its position has one stop of each kind at most, and a request changes that: Bybit's trading-stop in Full.

    It knows no id of ours, and an answer tells none. A stop keeps its id as an order. Whoever has none looks for it
    among the trades.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sent: set[str] = set()

    def arrive(self) -> None:
        """Takes nothing: it refuses a request whose validity is over."""
        self.coming.clear()

    def place(self, request: StopRequest, *, whole: bool) -> StopAnswer:
        assert request.stop_id not in self.sent, "sent twice"
        self.sent.add(request.stop_id)
        if refused := self.refused(request):
            return refused
        there, shown_ms = next(iter(self.waiting(request.kind)), None), self.now_ms + self.late_ms
        if there is None:
            id_ = f"v{len(self.stops)}"
            self.stops[id_] = ModelStop(request, id_, StopPhase.WAITING, ZERO, shown_ms, self.fate)
        elif there.request.price != request.price:
            there.before = self.price_of(there) if self.shown(there) else None
            there.request, there.shown_ms = request, max(there.shown_ms, shown_ms)
        return StopReport(request.sym, request.kind, StopPhase.WAITING, "", "", request.price, ZERO, True)

    def price_of(self, one: ModelStop) -> Decimal:
        behind = one.before is not None and one.shown_ms > self.now_ms
        return one.before if behind and one.before is not None else one.request.price

    def shown(self, one: ModelStop) -> bool:
        return super().shown(one) or one.before is not None

    def trade(self, qty: Decimal) -> Decimal:
        done = super().trade(qty)
        if not self.held and self.ends:
            for one in self.waiting():
                one.phase = StopPhase.CANCELED
        return done

    def order_of(self, one: ModelStop) -> str:
        return one.venue_id

    def report(self, one: ModelStop) -> StopReport:
        return super().report(one)._replace(stop_id="", trigger_price=self.price_of(one))

    def named(self, asked: StopReport) -> ModelStop | None:
        """Where no id is known it is the position's one of its kind."""
        if asked.venue_id:
            return self.stops.get(asked.venue_id)
        return next(iter(self.waiting(asked.kind)), None)

    def traded(self, since_ms: int) -> list[str]:
        """Returns the orders behind stops that were filled, oldest first."""
        found = [one for one in self.stops.values() if one.filled and one.fired_ms >= since_ms]
        return [one.order_id for one in sorted(found, key=lambda one: one.fired_ms) if one.told_ms <= self.now_ms]


class Protection(RuleBasedStateMachine):
    """A position gets its stops, keeps them, and loses them with itself, whatever goes wrong."""

    @initialize(form=st.sampled_from([BINANCE, OKX, BYBIT]))
    def start(self, form: StopForm) -> None:
        self.form = form
        self.there = InPlaceExchange() if form.replaced == "in_place" else ModelExchange()
        clock = SimpleNamespace(now_ms=lambda: self.there.now_ms)
        context: Any = SimpleNamespace(config=SimpleNamespace(grace_ms=GRACE_MS), venue=clock)
        nobody: Any = None
        self.known = StopLives(nobody, context, nobody)
        self.lives = self.known.by_id
        self.booked = ZERO  # what our orders have done; a fired stop's are booked when it is settled
        self.opener = 0
        self.fired: dict[str, ModelStop] = {}
        self.done: set[str] = set()
        self.closed_ms = 0
        self.closes = 0

    # What happens at the exchange.

    @rule(ms=st.sampled_from([1, 100, GRACE_MS, 1_000, 5_000]))
    def wait(self, ms: int) -> None:
        self.there.now_ms += ms
        self.there.arrive()

    @precondition(lambda self: self.there.held)
    @rule()
    def place_by_hand(self) -> None:
        """Somebody's stop of the whole position, so far away that it never fires: ours beside it must have a size."""
        self.there.by_hand(Decimal(80))

    @rule(price=st.sampled_from([Decimal(90), LOW, Decimal(97), PRICE, Decimal(111)]))
    def move(self, price: Decimal) -> None:
        self.there.move(price)

    @rule(fate=FATES, late_ms=LATE, ends=st.booleans())
    def weather(self, fate: str, late_ms: int, ends: bool) -> None:
        self.there.fate, self.there.late_ms, self.there.ends = fate, late_ms, ends

    @precondition(lambda self: self.there.waiting())
    @rule(pick=st.integers(0, 3))
    def cancel_by_hand(self, pick: int) -> None:
        rests = self.there.waiting()
        rests[pick % len(rests)].phase = StopPhase.CANCELED

    # What the strategy and the gateway do.

    @rule(qty=QTYS, attached=st.booleans())
    def enter(self, qty: Decimal, attached: bool) -> None:
        if self.fired or (not self.booked and clearing(self.lives.values(), ())):
            return
        opens = not self.booked
        self.there.trade(qty)
        self.booked += qty
        if opens:
            self.opener += 1
            for kind in sorted(self.form.attached):
                self._carry(kind, qty, attached)

    def _carry(self, kind: StopKind, qty: Decimal, attached: bool) -> None:
        whole = self.form.replaced == "in_place"
        place = Place(kind, WANTED[kind], qty, f"e{self.opener}", 0, whole)
        life = self._add(place, carried_by=f"e{self.opener}")
        if attached:
            self.there.place(request_of(life), whole=whole)
        self._apply(life.stop_id, EntryEnded(True, self.there.now_ms))

    @rule(qty=QTYS)
    def close(self, qty: Decimal) -> None:
        """The strategy closes, maybe just after a stop has: the exchange lets it only reduce."""
        if self.booked:
            self._booked(self.there.trade(-min(qty, self.booked)))

    @rule(lost=LOST, killed=st.sampled_from(["", "", "", "before", "behind"]))
    def act(self, lost: str, killed: str) -> None:
        """One step of the plan. lost: the answer, or the request is late. killed: before it goes, or behind."""
        for action in plan(self.form, self.there.now_ms, self._holding(), self.lives.values(), TIMES):
            self._do(action, lost, killed)
            if killed:
                self.take_over()
                return

    @rule()
    def look(self) -> None:
        """The list, and by its id what the list lacks."""
        asked_ms, shown = self.there.now_ms, set[str]()
        for row in self.there.listed():
            life = self._whose(row)
            if life is None:
                continue  # somebody else's
            shown.add(life.stop_id)
            life = self._apply(life.stop_id, Told(row, asked_ms))
            if not life.live and asked_ms > life.heard_ms + GRACE_MS:
                self.there.cancel(row)
        for life in [life for life in self.lives.values() if life.live]:
            if life.stop_id not in shown and (life.phase is not StopPhase.SENT or life.carried_by):
                self._ask(life.stop_id)

    @precondition(lambda self: self.fired)
    @rule()
    def settle(self) -> None:
        """The order that a stop has become is over: it is booked."""
        for stop_id, one in self.fired.items():
            self._booked(-one.filled)
            if one.whole_filled:
                self.done.add(stop_id)
        self.fired.clear()

    @rule()
    def take_over(self) -> None:
        for life in list(self.lives.values()):
            if life.phase is StopPhase.SENT and not life.carried_by:
                self._apply(life.stop_id, Placed(Ambiguous("stopped"), life.heard_ms))

    # What must hold.

    @invariant()
    def no_stop_has_opened_a_position(self) -> None:
        assert self.there.held >= 0

    @invariant()
    def what_is_triggered_here_was_so_there(self) -> None:
        fired = [life for life in self.lives.values() if life.phase is StopPhase.TRIGGERED]
        for life in fired:
            assert self.there.became(life.order_id).request.kind is life.kind
            if self.form.own_id:
                assert self.there.stops[life.stop_id].order_id == life.order_id
        assert len({life.order_id for life in fired}) == len(fired), "an order came of two stops"

    def teardown(self) -> None:
        """In fair weather all comes to be as it should: booked as it is there, and protected, or flat and clear."""
        if not hasattr(self, "there"):
            return
        self.there.fate, self.there.late_ms = "", 0
        if self.there.price <= LOW or self.there.price >= WANTED[TAKE].price:
            self.there.move(PRICE)
        for _ in range(150):
            self.wait(1_000)
            self.look()
            if self.fired:
                self.settle()
            self.act("", "")
        assert self.booked == self.there.held, "a fired stop was not booked"
        ours = [one for one in self.there.waiting() if self._is_ours(one)]
        rests = sorted((one.request.kind, one.request.price) for one in ours)
        if not self.booked:
            assert rests == [], "a stop is left over"
            return
        assert rests == sorted((kind, wanted.price) for kind, wanted in WANTED.items())
        assert all(one.whole or one.qty == self.booked for one in ours)
        assert covered(self._holding(), self.lives.values(), self.there.now_ms, TIMES)

    # The gateway's part, as services/gateway/execution/symbol_stops.py does it.

    def _holding(self) -> Holding:
        wanted, fired = WANTED if self.booked else {}, frozenset(self.fired)
        opened_by = f"e{self.opener}" if self.booked else ""
        return Holding(self.booked, opened_by, wanted, fired=fired, done=frozenset(self.done), closed_ms=self.closed_ms)

    def _do(self, action: object, lost: str, killed: str) -> None:
        if isinstance(action, Place):
            life = self._add(action)
            if killed == "before":
                return
            request, whole = request_of(life), life.whole and life.kind in self.form.whole
            if lost == "late":
                self.there.coming.append((self.there.now_ms + ARRIVES_MS, request, whole))
            answer = Ambiguous("late") if lost == "late" else self.there.place(request, whole=whole)
            if killed:
                return
            life = self._apply(life.stop_id, Placed(Ambiguous("lost") if lost else answer, self.there.now_ms))
            if life.occupied:
                for other in [one for one in self.lives.values() if one.kind is life.kind and one is not life]:
                    if other.live or other.revivable:
                        self._ask(other.stop_id)
        elif isinstance(action, CancelStop):
            stop_id = action.life.stop_id
            self._apply(stop_id, Cancel(self.there.now_ms))
            if killed == "before":
                return
            told = self.there.cancel(action.life.report)
            if not (lost or killed):
                self._apply(stop_id, Told(told, self.there.now_ms)) if isinstance(told, StopReport) else self._ask(
                    stop_id
                )
        elif isinstance(action, CloseAtMarket):
            assert not self._protected(), "closed at market, and it was protected"
            self.closed_ms = self.there.now_ms
            self._booked(self.there.trade(-action.held_qty))
        elif isinstance(action, TakenPlace):
            self._ask(action.life.stop_id)  # it may have fired before
            if self.lives[action.life.stop_id].phase is not StopPhase.TRIGGERING:
                self._apply(action.life.stop_id, Superseded(self.there.now_ms))
        else:
            assert isinstance(action, GiveUp)
            gone = replace_phase(action.life)
            self.lives[gone.stop_id] = gone

    def _protected(self) -> bool:
        """A stop waits, the price is not there, and none has failed: nothing would call for a close."""
        own = [one for one in self.there.stops.values() if self._is_ours(one)]
        failed = any(one.phase in (StopPhase.FAILED, StopPhase.TRIGGERING, StopPhase.TRIGGERED) for one in own)
        beyond = any(life.reason is Reason.STOP_BEYOND for life in self.lives.values())
        ours = [one for one in self.there.waiting(STOP) if one in own]
        return bool(ours) and not failed and not beyond

    def _add(self, place: Place, carried_by: str = "") -> StopLife:
        life = placed_life(place, "book", "BTCUSDT", self.there.now_ms, VALIDITY_MS, carried_by)
        assert life.stop_id not in self.lives, "an id is used once"
        self.lives[life.stop_id] = life
        return life

    def _apply(self, stop_id: str, event: object) -> StopLife:
        before, life = self.lives[stop_id], self.known.apply(stop_id, event)  # type: ignore[arg-type]
        if life.phase is StopPhase.TRIGGERED and before.phase is not StopPhase.TRIGGERED:
            self.fired[stop_id] = self.there.became(life.order_id)
        return life

    def _whose(self, row: StopReport) -> StopLife | None:
        """As stop_watch.py does it."""
        life = self.known.whose(row)
        while life is not None and not (row.stop_id or life.venue_id):
            self._ask(life.stop_id)
            asked, life = life.stop_id, self.known.whose(row)
            if life is None or life.stop_id == asked:
                break
        return life

    def _ask(self, stop_id: str) -> None:
        life = self.lives[stop_id]
        known = bool(life.venue_id) or self.form.own_id
        found = self.there.find(life.report) if known else self._by_its_trades(life)
        self._apply(stop_id, Told(found, self.there.now_ms) if isinstance(found, StopReport) else found)

    def _by_its_trades(self, life: StopLife) -> StopReport | Absent:
        assert isinstance(self.there, InPlaceExchange)
        others = self.known.orders_of_others(life.stop_id)
        for id_ in [one for one in self.there.traded(life.at_ms) if one not in others]:
            found = self.there.find(life.report._replace(venue_id=id_))
            if isinstance(found, StopReport) and found.kind is life.kind:
                return found
        return Absent(self.there.now_ms)

    def _is_ours(self, one: ModelStop) -> bool:
        """Where stops have no id of ours, whatever a position has of them is taken for ours.

        Somebody's that stays without one, in spite of what the exchange says, is nobody's of us.
        """
        if self.form.own_id:
            return one.request.stop_id in self.lives
        return bool(self.booked) or one.venue_id in {life.venue_id for life in self.lives.values()}

    def _booked(self, qty: Decimal) -> None:
        self.booked += qty


def replace_phase(life: StopLife) -> StopLife:
    return life._replace(phase=StopPhase.FAILED, reason=Reason.NOT_ON_VENUE, text="no order came of it")


TestProtection = Protection.TestCase
TestProtection.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_what_has_fired_is_booked_though_somebodys_lies_in_its_place() -> None:
    """Bybit: ours was changed and fires before the list has shown it so; a hand places another of the kind."""
    steps = Protection()
    steps.start(form=BYBIT)
    steps.enter(qty=Decimal(2), attached=True)
    steps.look()
    steps.place_by_hand()
    steps.look()
    for _ in range(2):
        steps.act(lost="", killed="")
    steps.move(price=Decimal(90))
    steps.move(price=PRICE)
    steps.enter(qty=Decimal(1), attached=False)
    steps.place_by_hand()
    steps.look()
    steps.what_is_triggered_here_was_so_there()
    assert [one.filled for one in steps.fired.values()] == [Decimal(2)]
    steps.teardown()
