"""For each reason without a full fill: the gateway's own functions lead an order to it, and its end is told.

An order is judged by the risk check, sized by the market's rules, moved by what the exchange answers, and ended, each
by the function that the gateway calls.
"""

import json
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from services.gateway.account.resolution import ResolveRequest, resolution
from services.gateway.execution.protection import Place, WantedStop
from services.gateway.execution.records import (
    NS_PER_MS,
    OrderTrades,
    Readiness,
    ending,
    following,
    open_order_of,
    readiness,
    row_of,
    to_send,
    unsent,
)
from services.gateway.execution.stop_records import closing_row, fired_row, placed_life
from services.gateway.paper import PaperStage
from services.gateway.risk import Hold, Pass, Refusal, RiskCheck
from services.gateway.risk.context import RiskContext
from services.research.backtest.venue import BacktestVenue, VenueRules
from shared.config import Settings
from shared.config.gateway import GatewaySettings, Mode
from shared.control.books import Books
from shared.exchanges.binance.profile import FUTURES_FACTS
from shared.exchanges.trading.client import Stamp
from shared.exchanges.trading.orders import failed
from shared.exchanges.trading.venue import MarketRules
from shared.explain.executions import ALARM, CUT, REFUSED, Executed, OrderLife, order_lines, report_line
from shared.journal.rows import EventRow, OrderRow
from shared.lookup.chains import _intent
from shared.messages import (
    ExecutionReport,
    Leg,
    OrderIntent,
    OrderPhase,
    OrderType,
    Reason,
    StopKind,
    TimeInForce,
)
from shared.messages.codec import kept
from shared.orders import (
    Absent,
    Ambiguous,
    Answer,
    Event,
    Expire,
    OrderStatusReport,
    Refused,
    Send,
    VenueFill,
    on_event,
)
from shared.orders.stop_life import Placed, StopLife, Told, on_stop_event
from shared.orders.stops import StopPhase
from shared.wall_time import UTC_TIME
from tests.unit.explain.decision_cases import SYM, Case, S
from tests.unit.gateway.risk.open_gates import BUY, GATES, NOW_MS, RULES, Gate

D = Decimal
GRACE_MS = 5_000
SENT_MS = NOW_MS
ID = "0123456789abcdef0123456789abcdef"
SWAP = MarketRules("swap", "BTC/USDT:USDT", "BTC", "USDT", D("0.001"), D("0.001"), D(5), D(5), D("0.1"), D(1))
SPOT = SWAP._replace(kind="spot", market="BTC/USDT")
LIVE = GatewaySettings(
    mode=Mode.TESTNET, venue="fake", account="main", markets={SYM: SWAP.market}, risk=RULES.limits, grace_ms=GRACE_MS
)


def intent(qty: str = "0.010", **changed: Any) -> OrderIntent:
    made = OrderIntent(
        n=7, sym=SYM, ts_event=NOW_MS * NS_PER_MS, tr=f"v:{SYM}:{NOW_MS * NS_PER_MS}:1", tick_n=1, client_order_id=ID,
        leg=Leg.OPEN, signed_qty=D(qty), reduce_only=False, price=D(42_000),
        valid_until=NOW_MS * NS_PER_MS + 30 * S, after=None,
    )  # fmt: skip
    return made.model_copy(update=changed)


class Order:
    """An order on its way, as the gateway's manager leads it; `noted` is what it writes into the journal."""

    def __init__(
        self, asked: OrderIntent, rules: MarketRules = SWAP, held: str = "0", row: OrderRow | None = None
    ) -> None:
        self.asked, self.rules, self.held = asked, rules, D(held)
        self.open = open_order_of(row or row_of(asked, f"main:{SYM}", 1, NOW_MS))
        self._before = self.row
        self.noted: list[EventRow] = []
        self.fills: list[VenueFill] = []

    @property
    def row(self) -> OrderRow:
        return self.open.row

    def note(self, kind: str, text: str) -> "Order":
        if text:
            self.noted.append(EventRow(kind, SYM, ID, text, NOW_MS))
        return self

    def see(self, *events: Event) -> "Order":
        for event in events:
            if not self.open.state.ended:
                self._before = self.row  # by which it ends
            self.open.state = on_event(self.open.state, event, GRACE_MS).state
            self.open.row = following(self.row, self.open.state, 1, NOW_MS)
        return self

    def send(self, qty: D | None = None) -> "Order":
        self.open.state = replace(self.open.state, asked_qty=self.asked.signed_qty if qty is None else qty)
        return self.see(Send(SENT_MS, 5_000))

    def sized(self, verdict: Pass | None = None) -> "Order":
        """As the manager does with what the risk check lets pass."""
        passed = verdict or Pass(self.asked.signed_qty, self.asked.reduce_only, None, ())
        qty, cut_by = to_send(self.row, passed, self.rules, self.held, self.held)
        if isinstance(qty, Reason):
            return self.note(REFUSED, unsent(self.row, qty, self.rules, self.held)).see(Refused(qty, ""))
        return self.note(CUT, f"only {qty} of {self.row.intended_qty} is sent: {cut_by}").send(qty)

    def refused(self, status: int, body: object, sent: bool = True) -> "Order":
        """As the exchange's answer is read."""
        fate = failed(FUTURES_FACTS, Stamp(status, json.dumps(body), signed=sent), RuntimeError("ccxt's"))
        assert isinstance(fate, Refused)
        return self.send().see(fate).note(REFUSED, fate.text)

    def ended(self) -> ExecutionReport:
        """Its terminal report."""
        end = ending(
            self._before, self.open.state, OrderTrades(tuple(self.fills)), self.rules, seq=1, epoch=1, now_ms=NOW_MS,
            held=self.held,
        )  # fmt: skip
        assert end is not None
        return end.report

    def told(self) -> str:
        """Tells its end."""
        return report_line(self._case(self.ended(), self.row))

    def on_its_way(self) -> str:
        """Tells what the risk check and the exchange have made of it until now."""
        return "; ".join(text for _, text in order_lines(self._case(None, self.row)))

    def _case(self, report: ExecutionReport | None, row: OrderRow) -> Executed:
        return Executed(self.asked, report, LIVE, UTC_TIME, OrderLife(row, tuple(self.noted)))


def answered(phase: OrderPhase, filled: str, at_ms: int, paid: str = "0") -> Answer:
    return Answer(at_ms, OrderStatusReport(phase, D(filled), D(paid), "77"), at_ms)


def traded(qty: str) -> VenueFill:
    return VenueFill("t1", "77", ID, SYM, D(qty), D(42_000), D("0.1"), "USDT", NOW_MS)


def gate_case(gate: Gate, hold: bool) -> str:
    """The risk check refuses, or lets it wait until its time is over."""
    asked, rules = gate.change(BUY, RULES)
    verdict = RiskCheck(rules).on_tick(asked)
    order = Order(intent())
    if hold:
        assert isinstance(verdict, Hold)
        return order.note(REFUSED, verdict.why).see(Expire(verdict.reason)).told()
    assert isinstance(verdict, Refusal)
    return order.note(REFUSED, verdict.why).see(Refused(verdict.reason, "")).told()


def blocked(reason: Reason, why: str) -> str:
    """A watch of the gateway has found something; the risk check refuses what would add."""
    risk = RiskContext(RiskCheck(RULES), Books([SYM], D(100)), {}, 60.0)
    risk.ready = True
    if reason is Reason.CLOCK_SKEW:
        risk.blocked, risk.why_blocked = (reason,), why
    else:
        risk.stopped[SYM, reason] = why
    order = Order(intent())
    verdict = risk.judge(order.row)
    assert isinstance(verdict, Refusal) and verdict.reason is reason
    return order.note(REFUSED, verdict.why).see(Refused(verdict.reason, "")).told()


def _past_valid_until() -> str:
    order = Order(intent())
    turn = readiness(order.open, [order.open], {}, intent().valid_until + 1)
    assert isinstance(turn, Reason)
    return order.see(Expire(turn)).told()


def _close_not_filled() -> str:
    order = Order(intent(after="f" * 32))
    turn = readiness(order.open, [order.open], {"f" * 32: OrderPhase.EXPIRED}, NOW_MS * NS_PER_MS)
    assert isinstance(turn, Reason) and turn is not Readiness.GO
    return order.see(Expire(turn)).told()


def _ended_by_venue() -> str:
    order = Order(intent()).send()
    order.fills.append(traded("0.004"))
    late = [
        answered(OrderPhase.CANCELED, "0.004", at, "168") for at in (SENT_MS + 1, SENT_MS + 20_000, SENT_MS + 30_000)
    ]
    return order.see(*late).told()


LIMIT = {"type": OrderType.LIMIT, "limit_price": D("42210"), "time_in_force": TimeInForce.IOC}


def _beyond_limit() -> str:
    order = Order(intent(**LIMIT)).send()
    order.fills.append(traded("0.004"))
    late = [
        answered(OrderPhase.CANCELED, "0.004", at, "168") for at in (SENT_MS + 1, SENT_MS + 20_000, SENT_MS + 30_000)
    ]
    return order.see(*late).told()


def _beyond_limit_on_paper() -> str:
    asked = intent(**LIMIT)
    (report,) = PaperStage(D(0), D(60)).on_tick(asked) or []
    assert isinstance(report, ExecutionReport)
    return report_line(Executed(asked, report, Settings().gateway, UTC_TIME))


def stopped(kind: StopKind) -> OrderIntent:
    """A stop of the position that fired."""
    fired = {"leg": Leg.STOP, "reduce_only": True, "stop": kind, "price": D(40_900), "trigger_price": D(40_950)}
    return intent("-0.010", **fired)


def _stopped_on_paper(kind: StopKind) -> str:
    (report,) = PaperStage(D(0), D(0)).on_tick(stopped(kind)) or []
    assert isinstance(report, ExecutionReport)
    return report_line(Executed(stopped(kind), report, Settings().gateway, UTC_TIME))


def life_of(kind: StopKind) -> StopLife:
    """A stop of a position of 0.010 that lies at the exchange, at 40950."""
    wanted = WantedStop(D(40_950), D(250) if kind is StopKind.TRAIL else None)
    life = placed_life(Place(kind, wanted, D("0.010"), ID, 0, True), f"main:{SYM}", SYM, SENT_MS - 60_000, 5_000)
    return on_stop_event(life, Placed(life.report._replace(phase=StopPhase.WAITING, venue_id="7"), SENT_MS), GRACE_MS)


OPENER = row_of(intent(), f"main:{SYM}", 1, NOW_MS)


def fired(kind: StopKind = StopKind.STOP) -> Order:
    """The order that a stop has become at the exchange, as the gateway takes it over."""
    told = life_of(kind).report._replace(phase=StopPhase.TRIGGERED, order_id="78")
    life = on_stop_event(life_of(kind), Told(told, SENT_MS + 100), GRACE_MS)
    row = fired_row(life, D("0.010"), OPENER, SENT_MS, NOW_MS)
    return Order(_intent(row), held="0.010", row=row)


def closing(reason: Reason, kind: StopKind = StopKind.STOP) -> Order:
    """What closes the position where a stop has not, as the gateway notes it."""
    life = life_of(kind)
    row = closing_row(life, D("0.010"), OPENER, reason, NOW_MS)
    said = f"{reason}: {kind} at {life.price} did not close 0.010: closed at market"
    return Order(_intent(row), held="0.010", row=row).note(ALARM, said)


def sold(order: Order, qty: str, phase: OrderPhase = OrderPhase.FILLED) -> Order:
    """So much of it is sold at 40900, and that is its end."""
    filled, paid = -D(qty), D(qty) * 40_900
    if filled:
        order.fills.append(VenueFill("t1", "78", "", SYM, filled, D(40_900), D("0.1"), "USDT", NOW_MS))
    times = [SENT_MS + 1_000, SENT_MS + 20_000, SENT_MS + 30_000]
    said = OrderStatusReport(phase, filled, paid, "78")
    return order.see(*(Answer(at, said, at) for at in times[: 1 if phase is OrderPhase.FILLED else 3]))


def _resolved_stop() -> str:
    order = fired()
    said = ResolveRequest(OrderPhase.FILLED, D("0.010"), D(40_900), "ada", SENT_MS + 60_000)
    made = resolution(order.row, (), said, 1, LIVE)
    report = kept(ExecutionReport, made.execution.report)
    return report_line(Executed(order.asked, report, LIVE, UTC_TIME, OrderLife(made.row)))


def _not_on_venue() -> str:
    order = Order(intent()).send().see(Ambiguous("time-out"))
    return order.see(Absent(SENT_MS + 11_000), Absent(SENT_MS + 12_000)).told()


def _resolved() -> str:
    order = Order(intent()).send().see(Ambiguous("time-out"))
    said = ResolveRequest(OrderPhase.FILLED, D("0.010"), D(42_000), "ada", SENT_MS + 60_000)
    made = resolution(order.row, (), said, 1, LIVE)
    report = kept(ExecutionReport, made.execution.report)
    return report_line(Executed(order.asked, report, LIVE, UTC_TIME, OrderLife(made.row)))


def _above_maximum() -> str:
    order = Order(intent("-9", leg=Leg.CLOSE, reduce_only=True), held="9").sized()
    return order.on_its_way()


def _end_of_data() -> str:
    venue = BacktestVenue(SYM, VenueRules(fill="next_open"), D(0), D(0), D(1), S)
    asked = intent()
    venue.on_tick(asked)
    (report,) = venue.at_end()
    return report_line(Executed(asked, report, Settings().gateway, UTC_TIME))


def _binance(code: int, text: str, status: int = 400) -> str:
    return Order(intent()).refused(status, {"code": code, "msg": text}).told()


def _cases() -> dict[Reason, list[Case]]:
    made: dict[Reason, list[Case]] = {
        Reason.PAST_VALID_UNTIL: [Case(_past_valid_until, ("valid until 2025-11-24 12:00:30.000 UTC",))],
        Reason.CLOSE_NOT_FILLED: [Case(_close_not_filled, (f"after order {'f' * 32}",))],
        Reason.BEYOND_LIMIT: [
            Case(_beyond_limit, ("CANCELED", "+0.004 of +0.01 was filled at 42210 or better")),
            Case(_beyond_limit_on_paper, ("CANCELED", "0 of +0.01 was filled at 42210 or better")),
        ],
        Reason.ENDED_BY_VENUE: [
            Case(_ended_by_venue, ("CANCELED", "+0.004 of +0.01 was filled")),
            Case(
                lambda: sold(closing(Reason.STOP_FAILED).send(), "0.004", OrderPhase.CANCELED).told(),
                ("CANCELED: -0.004 at 40900", "no decision asked for it", "-0.004 of -0.01 was filled"),
            ),
        ],
        Reason.STOPPED_OUT: [
            Case(
                partial(_stopped_on_paper, StopKind.STOP),
                ("-0.01 at 40900", "+0.00 bps against the market's price 40900", "its trigger is 40950"),
            ),
            Case(
                lambda: sold(fired(), "0.010").told(),
                ("FILLED: -0.01 at 40900", "+12.21 bps against its stop's price 40950", "its trigger is 40950"),
            ),
        ],
        Reason.PROFIT_TAKEN: [
            Case(partial(_stopped_on_paper, StopKind.TAKE_PROFIT), ("its trigger is 40950",)),
            Case(lambda: sold(fired(StopKind.TAKE_PROFIT), "0.010").told(), ("its trigger is 40950",)),
        ],
        Reason.TRAILED_OUT: [
            Case(partial(_stopped_on_paper, StopKind.TRAIL), ("its trigger is 40950",)),
            Case(lambda: sold(fired(StopKind.TRAIL), "0.010").told(), ("behind the best price since 40950",)),
        ],
        Reason.STOP_FAILED: [
            Case(
                lambda: sold(closing(Reason.STOP_FAILED).send(), "0.010").told(),
                ("FILLED: -0.01 at 40900", "-0.01 of -0.01 was filled"),
            ),
            Case(
                lambda: sold(fired(), "0.004", OrderPhase.CANCELED).told(),
                ("CANCELED: -0.004 at 40900", "-0.004 of -0.01 was filled"),
            ),
            Case(
                lambda: sold(fired(), "0", OrderPhase.EXPIRED).told(),
                ("EXPIRED: it expired: ", "0 of -0.01 was filled"),
            ),
        ],
        Reason.STOP_BEYOND: [
            Case(
                lambda: sold(closing(Reason.STOP_BEYOND).send(), "0.010").told(),
                ("FILLED: -0.01 at 40900", "its trigger is 40950"),
            )
        ],
        Reason.NOT_ON_VENUE: [Case(_not_on_venue, ("until 2025-11-24 12:00:05.000 UTC", "grace_ms 5000"))],
        Reason.RESOLVED: [
            Case(_resolved, ("FILLED", "+0.01 of +0.01 was filled")),
            Case(_resolved_stop, ("FILLED: -0.01 at 40900", "-0.01 of -0.01 was filled")),
        ],
        Reason.ABOVE_MAXIMUM: [Case(_above_maximum, ("only -5.000 of -9 is sent", "sent -5 at"))],
        Reason.END_OF_DATA: [Case(_end_of_data, ("0 of +0.01 was filled",))],
        Reason.BELOW_MINIMUM: [
            Case(
                lambda: Order(intent("0.0004")).sized().told(), ("0.0004 at 42000", "at least 0.001 in steps of 0.001")
            ),
            Case(lambda: _binance(-4164, "notional"), ("-4164 notional",)),
        ],
        Reason.VENUE_REFUSED: [
            Case(lambda: Order(intent("9")).sized().told(), ("9, and one market order takes at most 5",)),
            Case(lambda: _binance(-1111, "Precision"), ("-1111 Precision",)),
        ],
        Reason.DUST: [
            Case(
                lambda: Order(intent("-0.0004", leg=Leg.CLOSE, reduce_only=True), SPOT, "0.0004").sized().told(),
                ("-0.0004", "of a position of 0.0004", "at least 0.001", "+0.0004 of dust is left"),
            )
        ],
        Reason.NO_SHORT_ON_SPOT: [
            Case(lambda: Order(intent("-0.010"), SPOT).sized().told(), ("-0.01 of a position of 0", "no more than"))
        ],
        Reason.KEY_REFUSED: [Case(lambda: _binance(-2015, "Invalid API-key", 401), ("-2015 Invalid API-key",))],
        Reason.NO_MARGIN: [Case(lambda: _binance(-2019, "Margin is insufficient."), ("-2019 Margin is insufficient",))],
        Reason.NOTHING_TO_REDUCE: [
            Case(lambda: _binance(-2022, "ReduceOnly"), ("-2022 ReduceOnly",)),
            Case(
                lambda: closing(Reason.STOP_FAILED).refused(400, {"code": -2022, "msg": "ReduceOnly"}).told(),
                ("REJECTED: no decision asked for it", "-2022 ReduceOnly"),
            ),
        ],
        Reason.NOT_SENT: [
            Case(lambda: Order(intent()).refused(400, {}, sent=False).told(), ("not sent: ", "RuntimeError"))
        ],
        Reason.RATE_LIMITED: [Case(lambda: Order(intent()).refused(429, "").told(), ("HTTP 429",))],
        Reason.REQUEST_EXPIRED: [
            Case(lambda: _binance(-1021, "outside of the recvWindow"), ("request_validity_ms is 5000", "-1021 outside"))
        ],
        Reason.MARKET_CLOSED: [Case(partial(blocked, Reason.MARKET_CLOSED, "status SETTLING"), ("status SETTLING",))],
        Reason.ACCOUNT_MODES: [
            Case(partial(blocked, Reason.ACCOUNT_MODES, "leverage 3, not 1"), ("leverage 3, not 1",))
        ],
        Reason.CLOCK_SKEW: [
            Case(partial(blocked, Reason.CLOCK_SKEW, "2900 ms ahead, max_clock_skew_ms is 2000"), ("2900", "2000"))
        ],
    }
    for gate in GATES:
        if gate.check != "blocked":
            asked, rules = gate.change(BUY, RULES)
            verdict = RiskCheck(rules).on_tick(asked)
            assert not isinstance(verdict, Pass)
            case = Case(partial(gate_case, gate, isinstance(verdict, Hold)), (verdict.why,))
            made.setdefault(gate.reason, []).append(case)
    return made


ORDERS: dict[Reason, list[Case]] = _cases()
