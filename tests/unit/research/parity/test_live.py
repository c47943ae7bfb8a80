"""A live strategy's decisions again: predictions that were superseded, that waited too long, that were missing."""

from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest

from services.research.parity.comparison import Comparison
from services.research.parity.stages import StrategyReplay
from services.strategy.live_stage import LiveRules, LiveStrategyStage
from shared.messages import Decision, ExecutionReport, GapCause, Leg, OrderStatus, Stream
from shared.strategies import BasicTaker
from tests.unit.research.parity.session import SYM, Session, prediction
from tests.unit.research.parity.test_strategy import gap, replayed, whole


def live(on_missing: Literal["flat", "hold"] = "flat", again_ns: int = 50) -> LiveStrategyStage:
    rules = LiveRules(valid_ns=10, stale_ns=50, on_missing=on_missing, again_ns=again_ns)
    return LiveStrategyStage(SYM, BasicTaker(), Decimal(100), "book", rules)


def reasons(session: Session) -> list[str]:
    made = session.written[Stream.DECISIONS]
    return [str(decision.reason) if isinstance(decision, Decision) else "gap" for decision in made]


@pytest.mark.parametrize("on_missing", ["flat", "hold"])
def test_what_waited_and_what_was_missing(tmp_path: Path, on_missing: Literal["flat", "hold"]) -> None:
    session = Session(live(on_missing))
    session.predict(prediction(1))
    session.report()
    for n in (2, 3, 4, 5):  # the newest waits, the others are superseded
        session.predict(prediction(n))
    session.report(1)
    session.report()
    session.due = [report.model_copy(update={"ts_event": 90}) for report in session.due]
    session.predict(prediction(6))  # too old when the reports are there
    session.report()
    session.predict(gap(7, "t:A:7", GapCause.MISSED, 7))
    session.report()
    session.predict(prediction(8))
    session.report()
    session.predict(prediction(9), seen=False)
    session.take(gap(9, "t:A:9", GapCause.FAILED))
    session.report()
    session.predict(prediction(10))
    session.predict(gap(11, "t:A:11", GapCause.MISSED, 11))  # while orders are in flight
    session.report()
    session.predict(prediction(12))
    session.report()
    made = reasons(session)
    assert made.count("SUPERSEDED") == 2
    assert made.count("STALE_PREDICTION") == 1
    assert whole(replayed(session.record(tmp_path), live(on_missing)), len(made))


@pytest.mark.parametrize("cause", [GapCause.LATE, GapCause.MISSED])
@pytest.mark.parametrize("then", ["answered", "stale", "superseded"])
@pytest.mark.parametrize("on_missing", ["flat", "hold"])
def test_a_gap_behind_a_prediction_that_waits(
    tmp_path: Path, on_missing: Literal["flat", "hold"], then: str, cause: GapCause
) -> None:
    """LATE: it was written. MISSED: the reader made it, since what came before prediction 6 was lost.

    Where a missing prediction leads out of the market, the Gap supersedes what waits.
    """
    session = Session(live(on_missing))
    session.predict(prediction(1))
    session.predict(prediction(2))  # waits
    if cause is GapCause.LATE:
        session.predict(gap(3, "t:A:3", cause, 3))
        session.predict(gap(4, "t:A:4", cause, 4))
        session.predict(gap(5, "t:A:5", cause, 5))
    else:
        for n in (3, 4, 5):
            session.predict(prediction(n), seen=False)
        session.take(gap(5, "t:A:6", cause, 6))
    if then == "superseded":
        session.predict(prediction(6))
    if then == "stale":
        session.due = [report.model_copy(update={"ts_event": 90}) for report in session.due]
    session.report()
    if then != "superseded":
        session.predict(prediction(6))
    session.report()
    made = reasons(session)
    said = ("SUPERSEDED" in made, "STALE_PREDICTION" in made)
    assert said == ((then == "superseded", then == "stale") if on_missing == "hold" else (True, False))
    assert whole(replayed(session.record(tmp_path), live(on_missing)), len(made))


def test_a_gap_behind_the_report_of_a_close_for_which_nobody_would_wait_any_longer(tmp_path: Path) -> None:
    """Before that report it would have closed the position once more."""
    session = Session(live(again_ns=1))
    session.predict(prediction(1))
    session.report()
    session.predict(gap(2, "t:A:2", GapCause.LATE, 2))
    session.report()
    session.predict(gap(3, "t:A:3", GapCause.UNFILLED, 3))
    session.predict(gap(4, "t:A:4", GapCause.UNFILLED, 4))
    session.predict(prediction(5))
    session.report()
    assert reasons(session) == ["None", "gap", "None", "gap", "gap", "None"]
    assert whole(replayed(session.record(tmp_path), live(again_ns=1)), 6)


def test_a_gap_behind_a_stop_that_has_closed_the_position_at_the_exchange(tmp_path: Path) -> None:
    session = Session(live())
    session.predict(prediction(1))
    session.report()
    session.predict(prediction(2, history=True))  # its decision tells that the position was there
    opened = session.written[Stream.EXECUTIONS][0]
    assert isinstance(opened, ExecutionReport)
    stopped = {"n": 2, "client_order_id": "5" * 32, "leg": Leg.STOP, "last_qty": -opened.last_qty}
    session.due.append(opened.model_copy(update=stopped))
    session.report()
    session.predict(gap(3, "t:A:3", GapCause.LATE, 3))
    session.predict(prediction(4))
    assert reasons(session) == ["None", "HISTORY", "gap", "None"]
    assert whole(replayed(session.record(tmp_path), live()), 4)


def test_a_position_closed_at_the_first_gap_behind_a_checkpoint(tmp_path: Path) -> None:
    """The report that made it a position was booked behind the checkpoint, and before the Gap."""
    session = Session(live())
    session.predict(prediction(1))
    again = live()
    again.restore(session.stage.state())
    session.report()
    session.predict(gap(2, "t:A:2", GapCause.LATE, 2))
    session.report()
    assert reasons(session) == ["None", "gap", "None"]
    rows = session.record(tmp_path)
    for stream in (Stream.PREDICTIONS, Stream.DECISIONS, Stream.ORDERS):
        rows[stream].next()
    comparison = Comparison()
    StrategyReplay(SYM, again, rows, rows, comparison).run()
    assert whole(comparison, 2)


def test_a_prediction_that_waits_at_a_checkpoint_with_a_gap_behind_it(tmp_path: Path) -> None:
    session = Session(live())
    session.predict(prediction(1))
    session.predict(prediction(2))
    again = live()
    again.restore(session.stage.state())
    session.predict(gap(3, "t:A:3", GapCause.LATE, 3))
    session.report()
    assert reasons(session) == ["None", "WAITING", "gap", "SUPERSEDED"]
    rows = session.record(tmp_path)
    for stream in (Stream.PREDICTIONS, Stream.PREDICTIONS, Stream.DECISIONS, Stream.DECISIONS, Stream.ORDERS):
        rows[stream].next()
    comparison = Comparison()
    StrategyReplay(SYM, again, rows, rows, comparison).run()
    assert whole(comparison, 2)


def test_a_session_with_dust_and_with_capital_that_a_person_has_changed(tmp_path: Path) -> None:
    """What cannot be sold, and the capital, are told by the reports: no rule of the market is asked again."""
    session = Session(live())
    session.predict(prediction(1))
    session.report()
    session.predict(prediction(2))
    session.due[0] = session.due[0].model_copy(update={"last_qty": Decimal("-0.9"), "dust": Decimal("0.1")})
    session.due.append(capital(4))
    session.report()
    for n in (3, 4):
        session.predict(prediction(n))
        session.due = [report.model_copy(update={"n": report.n + 1}) for report in session.due]
        session.report()
    rows = session.record(tmp_path)
    assert whole(replayed(rows, live()), 4)


def capital(n: int) -> ExecutionReport:
    return ExecutionReport(
        n=n,
        sym=SYM,
        ts_event=1,
        tr="capital",
        tick_n=0,
        order_n=0,
        client_order_id="c" * 32,
        leg=Leg.CAPITAL,
        status=OrderStatus.FILLED,
        last_qty=Decimal(0),
        last_px=None,
        commission=Decimal(0),
        reason=None,
        capital=Decimal(150),
    )
