"""For each cause of a gap, leg, origin, status and phase: the stage that writes it is led to it, and it is told."""

import tempfile
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from services.gateway.execution.records import funding_report
from services.gateway.paper import PaperStage
from services.research.backtest.venue import BacktestVenue, VenueRules
from services.signal.stage import SignalStage
from shared.account import Account
from shared.config import Settings
from shared.control.capital import capital_report
from shared.explain.chain import Chain, Hop
from shared.explain.executions import Executed, report_line
from shared.explain.story import rule_of, story
from shared.history import HistoryBar
from shared.messages import (
    ExecutionReport,
    Gap,
    GapCause,
    Leg,
    MarketTick,
    Message,
    OrderIntent,
    OrderPhase,
    OrderStatus,
    Origin,
    Reason,
    StopKind,
    Stream,
    decode,
)
from shared.models.model_input import ModelInput
from shared.orders import Ambiguous, Cancel, FundingPayment, Refused, Triggered
from shared.runner.partition import StageFailed
from shared.wall_time import UTC_TIME
from tests.unit.explain.decision_cases import SYM, Case, Constant, Line, S, prediction
from tests.unit.explain.order_cases import SENT_MS, Order, answered, intent, stopped, traded
from tests.unit.ingestor.live.test_stage import Clock, Connected, T, at, live, run, trade
from tests.unit.runner.fakes import TICKS_IN, Store, entry, tick
from tests.unit.runner.test_partition import failing, ticks

SETTINGS = Settings(symbols=(SYM,))
PAPER = PaperStage(Decimal("0.0003"), Decimal(0))


def told(*messages: Message) -> str:
    """Tells messages of one trace, as `why` does."""
    chain = Chain.of(messages[-1].tr, [Hop(message, message.ts_event) for message in messages])
    return "; ".join(one.text for one in story(chain, SETTINGS, UTC_TIME, rule=rule_of(SETTINGS)))


def _gaps(made: list[Message] | None) -> str:
    return told(*[one for one in made or () if isinstance(one, Gap)])


def _written(store: Store) -> list[Message]:
    return [decode(out.t, out.d) for out in store.written if out.stream != Stream.DEAD]


def _read(changed: dict[str, bytes] | None, numbers: tuple[int, ...]) -> str:
    """The reader of a stream passes its stage a gap."""
    store = Store(TICKS_IN)
    entries = ticks(*numbers) if changed is None else [entry(tick(1), 1), entry(tick(2), 2, **changed)]
    store.run(store.partition(), Stream.TICKS, *entries)
    return _gaps(_written(store))


def _failed() -> str:
    store = Store(failing({2}))
    part = store.partition()
    part.offer(Stream.TICKS, ticks(1, 2, 3))
    with pytest.raises(StageFailed) as failed:
        part.work(100)
    store.poison[failed.value.suspect] = str(failed.value)
    store.run(store.partition(), Stream.TICKS, *ticks(1, 2, 3))
    return _gaps(_written(store))


def _unfilled() -> str:
    signal = SignalStage(ModelInput(["atr(2)"]), Constant(), "0123456789abcdef")
    bare = MarketTick(n=1, sym=SYM, ts_event=S, tr=f"v:{SYM}:{S}:1", venue="v", price=Decimal(50))
    return _gaps(signal.on_tick(bare))


def _late() -> str:
    stage = live()
    run(stage, Clock(T), Connected(), Clock(T), trade(1, 0.5, 10), Clock(at(2)))
    return _gaps(run(stage, trade(2, 0.9, 11)))


GAPS: dict[GapCause, list[Case]] = {
    GapCause.MISSED: [Case(partial(_read, None, (1, 4)), ("missing in the features", "lost before they were read"))],
    GapCause.UNREADABLE: [Case(partial(_read, {"d": b"\xc1"}, ()), ("could not be decoded", "dead letters"))],
    GapCause.FAILED: [Case(_failed, ("the stage raised an error", "dead letters"))],
    GapCause.UNFILLED: [Case(_unfilled, ("data are missing",))],
    GapCause.LATE: [Case(_late, ("missing in the ticks", "changed a tick which was out already"))],
}


def _paper(order: OrderIntent) -> str:
    (report,) = PAPER.on_tick(order) or []
    assert isinstance(report, ExecutionReport)
    return report_line(Executed(order, report, SETTINGS.gateway, UTC_TIME))


def _ordered(leg: Leg, line: Line) -> str:
    order = [one for one in line.near if isinstance(one, OrderIntent) and one.leg is leg][-1]
    return f"{leg}: {_paper(order)}"


def _backtested(leg: Leg) -> str:
    """A backtest's venue pays funding and liquidates."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "funding.csv"
        path.write_text("datetime,rate\n1970-01-01T00:00:01,0.01\n")
        from services.research.backtest.funding import FundingRates

        venue = BacktestVenue(
            SYM, VenueRules(maintenance_margin=Decimal("0.01")), Decimal(0), Decimal(0), Decimal(10), S,
            funding=FundingRates(path),
        )  # fmt: skip
        account = Account(Decimal(100))
        account.open_position(SYM, Decimal(10), Decimal(100))
        price = Decimal(50)
        bar = HistoryBar(ts_event=2 * S, open=Decimal(100), high=Decimal(100), low=price, close=price, row=1)
        report = next(one for one in venue.on_bar(bar, account) if one.leg is leg)
    return f"{leg}: {report_line(Executed(None, report, SETTINGS.gateway, UTC_TIME))}"


def _paid() -> str:
    """A gateway books what the exchange paid."""
    report = funding_report(FundingPayment("p1", SYM, Decimal("0.25"), SENT_MS), 3)
    return f"{Leg.FUNDING}: {report_line(Executed(None, report, SETTINGS.gateway, UTC_TIME))}"


def _capital() -> str:
    report = capital_report(SYM, f"main:{SYM}", 4, Decimal(250), SENT_MS)
    return f"{Leg.CAPITAL}: {report_line(Executed(None, report, SETTINGS.gateway, UTC_TIME))}"


LEGS: dict[Leg, list[Case]] = {
    Leg.OPEN: [Case(lambda: _ordered(Leg.OPEN, Line().take(prediction(1))), ("+2 at 50", "to open the new position"))],
    Leg.CLOSE: [
        Case(
            lambda: _ordered(Leg.CLOSE, Line().take(prediction(1), prediction(2, -0.01))),
            ("-2 at 50", "to close what was held"),
        )
    ],
    Leg.NET: [
        Case(
            lambda: _ordered(Leg.NET, Line(params={"netting": True}).take(prediction(1))),
            ("+2 at 50", "in one step"),
        )
    ],
    Leg.LIQUIDATION: [Case(partial(_backtested, Leg.LIQUIDATION), ("-10 at 90.9", "no decision asked for it"))],
    Leg.FUNDING: [
        Case(partial(_backtested, Leg.FUNDING), ("funding 10 paid", "no decision asked for it")),
        Case(_paid, ("funding 0.25 received",)),
    ],
    Leg.CAPITAL: [Case(_capital, ("capital is 250", "a person changed the money"))],
    Leg.STOP: [
        Case(
            lambda: f"{Leg.STOP}: {_paper(stopped(StopKind.STOP))}",
            ("-0.01 at 40900", "no decision asked for it", "its trigger is 40950"),
        )
    ],
}


def _told_of(line: Line, origin: Origin) -> str:
    decision = line.told(None)
    return f"{origin}: {decision}"


ORIGINS: dict[Origin, list[Case]] = {
    Origin.PREDICTION: [
        Case(
            lambda: _told_of(Line().take(prediction(1)), Origin.PREDICTION), ("by y_hat +0.01 from 0 to +2", "1 order")
        )
    ],
    Origin.TICK: [
        Case(
            lambda: _told_of(
                Line(name="moving_average_cross", params={"fast": 1, "slow": 2}).take(
                    prediction(1, None, "40", model=""), prediction(2, None, "50", model="")
                ),
                Origin.TICK,
            ),
            ("by the tick's market data from 0 to +2",),
        )
    ],
}


def _end(phase: OrderPhase) -> str:
    """The exchange says so until it counts."""
    order = Order(intent()).send()
    order.fills.append(traded("0.004"))
    times = (SENT_MS + 1, SENT_MS + 20_000, SENT_MS + 30_000)
    return order.see(*(answered(phase, "0.004", time, "168") for time in times)).told()


STATUSES: dict[OrderStatus, list[Case]] = {
    OrderStatus.FILLED: [Case(lambda: _paper(intent()), ("+0.01 at 42000", "fee 0.126 = 3.00 bps (fee 3.00 bps)"))],
    OrderStatus.CANCELED: [Case(partial(_end, OrderPhase.CANCELED), ("+0.004 of +0.01",))],
    OrderStatus.EXPIRED: [Case(partial(_end, OrderPhase.EXPIRED), ("+0.004 of +0.01",))],
    OrderStatus.REJECTED: [
        Case(lambda: Order(intent()).send().see(Refused(Reason.NO_MARGIN, "")).told(), ("it was refused", "+0.01 at"))
    ],
}


def _phase(phase: OrderPhase, lead: Callable[[Order], Order]) -> str:
    order = lead(Order(intent()))
    assert order.row.state is phase
    return f"{phase}: {order.on_its_way()}"


def _seen(phase: OrderPhase, filled: str, paid: str = "0") -> Callable[[Order], Order]:
    return lambda order: order.send().see(answered(phase, filled, SENT_MS + 1, paid))


def _ended(phase: OrderPhase) -> Callable[[Order], Order]:
    times = (SENT_MS + 1, SENT_MS + 20_000, SENT_MS + 30_000)
    return lambda order: order.send().see(*(answered(phase, "0", time) for time in times))


_LED: dict[OrderPhase, tuple[Callable[[Order], Order], tuple[str, ...]]] = {
    OrderPhase.INTENT: (lambda order: order, ("it stands in the journal and was not sent yet",)),
    OrderPhase.SENT: (lambda order: order.send(), ("sent +0.01 at 2025-11-24 12:00:00.000 UTC", "not answered yet")),
    OrderPhase.UNKNOWN: (lambda order: order.send().see(Ambiguous("time-out")), ("counts as filled and as not",)),
    OrderPhase.NEW: (_seen(OrderPhase.NEW, "0"), ("the exchange's order 77", "open at the exchange")),
    OrderPhase.PARTIALLY_FILLED: (_seen(OrderPhase.PARTIALLY_FILLED, "0.004", "168"), ("filled in part",)),
    OrderPhase.CANCELING: (
        lambda order: _seen(OrderPhase.NEW, "0")(order).see(Cancel(SENT_MS + 2)),
        ("open", "a cancel was sent"),
    ),
    OrderPhase.TRIGGERED: (
        lambda order: _seen(OrderPhase.NEW, "0")(order).see(Triggered(SENT_MS + 2, SENT_MS + 2, "78")),
        ("its price was reached", "an order of another id"),
    ),
    OrderPhase.FILLED: (_seen(OrderPhase.FILLED, "0.010", "420"), ("passed all limits: 420", "it was filled")),
    OrderPhase.CANCELED: (_ended(OrderPhase.CANCELED), ("it was canceled",)),
    OrderPhase.REJECTED: (lambda order: order.send().see(Refused(Reason.NO_MARGIN, "")), ("it was refused",)),
    OrderPhase.EXPIRED: (_ended(OrderPhase.EXPIRED), ("it expired",)),
}
PHASES: dict[OrderPhase, list[Case]] = {
    phase: [Case(partial(_phase, phase, lead), said)] for phase, (lead, said) in _LED.items()
}
