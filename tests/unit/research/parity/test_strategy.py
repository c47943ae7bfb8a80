"""A strategy's recorded decisions, made again in the recorded order, however the reports came."""

from decimal import Decimal
from pathlib import Path

import pytest

from services.research.parity.comparison import Comparison, NotRecorded, RecordedRows
from services.research.parity.stages import StrategyReplay
from services.strategy.protected_stage import ProtectedStage
from services.strategy.stage import StrategyStage
from shared.messages import Gap, GapCause, Leg, OrderIntent, Origin, Reason, Stream
from shared.messages.protect import ProtectTerms
from shared.runner.spec import Stage
from shared.strategies import BasicTaker
from tests.unit.research.parity.session import SYM, Session, prediction, strategy


def replayed(rows: dict[Stream, RecordedRows], stage: Stage | None = None) -> Comparison:
    comparison = Comparison()
    StrategyReplay(SYM, stage or strategy(), rows, rows, comparison).run()
    return comparison


def whole(comparison: Comparison, decisions: int) -> bool:
    assert comparison.first is None, comparison.first
    assert comparison.not_compared == []
    assert comparison.identical == comparison.compared
    return comparison.compared[Stream.DECISIONS] == decisions


def gap(n: int, tr: str, cause: GapCause, ts_event: int = 0) -> Gap:
    return Gap(n=n, sym=SYM, ts_event=ts_event, tr=tr, stream=Stream.PREDICTIONS, cause=cause)


def test_reports_one_by_one(tmp_path: Path) -> None:
    session = Session()
    for n in range(1, 7):
        session.predict(prediction(n))
        while session.due:
            session.report(1)
    assert whole(replayed(session.record(tmp_path)), 6)


def test_predictions_that_waited_for_reports(tmp_path: Path) -> None:
    """They are on the stream before the reports that they waited for."""
    session = Session()
    session.predict(prediction(1))
    session.predict(prediction(2), seen=False)
    session.report()
    session.take(prediction(2))
    assert len(session.due) == 2
    comparison = replayed(session.record(tmp_path))
    assert whole(comparison, 2)
    assert comparison.compared[Stream.ORDERS] == 3


def test_gaps_that_were_written_and_gaps_that_the_reader_made(tmp_path: Path) -> None:
    session = Session()
    session.predict(prediction(1))
    session.report()
    session.predict(gap(2, "t:A:2", GapCause.MISSED, 2))  # the signal service wrote it
    session.predict(prediction(3), seen=False)  # lost before the strategy read it
    session.predict(prediction(4), seen=False)
    session.take(gap(3, "t:A:4", GapCause.MISSED, 4))
    session.take(prediction(4))
    session.report()
    session.predict(prediction(5), seen=False)  # could not be taken: in the dead letters
    session.take(gap(5, "t:A:5", GapCause.FAILED))
    session.predict(prediction(6))
    session.report()
    assert whole(replayed(session.record(tmp_path)), 6)


def test_the_first_difference_names_the_field(tmp_path: Path) -> None:
    session = Session()
    for n in (1, 2, 3):
        session.predict(prediction(n))
        session.report()
    altered = session.written[Stream.ORDERS][1].model_copy(update={"price": Decimal("102.5")})
    session.written[Stream.ORDERS][1] = altered
    comparison = replayed(session.record(tmp_path))
    assert comparison.first is not None
    assert comparison.first.text == "A orders n=2: recorded price 102.5, computed 102"
    assert comparison.compared[Stream.ORDERS] - comparison.identical[Stream.ORDERS] == 1


def test_a_field_that_only_the_recorded_one_holds_is_the_difference(tmp_path: Path) -> None:
    session = Session()
    session.predict(prediction(1))
    altered = session.written[Stream.ORDERS][0].model_copy(update={"origin": Origin.TICK})
    session.written[Stream.ORDERS][0] = altered
    comparison = replayed(session.record(tmp_path))
    assert comparison.first is not None
    assert comparison.first.text == "A orders n=1: recorded origin tick, computed prediction"


def test_other_capital_is_found(tmp_path: Path) -> None:
    session = Session()
    session.predict(prediction(1))
    comparison = replayed(session.record(tmp_path), StrategyStage(SYM, BasicTaker(), Decimal(99), "book"))
    assert comparison.first is not None
    assert comparison.first.text == "A decisions n=1: recorded balance 100, computed 99"


def test_a_decision_that_no_stage_makes_is_a_difference(tmp_path: Path) -> None:
    session = Session()
    session.predict(prediction(1))
    session.written[Stream.DECISIONS] += [
        session.written[Stream.DECISIONS][0].model_copy(update={"n": n, "prediction_n": 1}) for n in (2, 3)
    ]
    comparison = replayed(session.record(tmp_path))
    assert comparison.first is not None
    assert comparison.first.text == "A decisions n=2: recorded A 1 order, computed nothing of prediction n=1"
    assert comparison.not_compared == ["A: 2 decisions from there on"]


def test_an_execution_of_no_order_in_flight_is_a_difference(tmp_path: Path) -> None:
    session = Session()
    session.predict(prediction(1))
    foreign = session.due[0].model_copy(update={"client_order_id": "0" * 32})
    session.written[Stream.EXECUTIONS].append(foreign)
    later = session.written[Stream.DECISIONS][0].model_copy(update={"n": 2, "prediction_n": 2, "booked_n": 1})
    session.written[Stream.DECISIONS].append(later)
    comparison = replayed(session.record(tmp_path))
    assert comparison.first is not None
    assert "which is not in flight" in comparison.first.text


def test_an_order_that_was_never_written_is_a_difference(tmp_path: Path) -> None:
    session = Session()
    session.predict(prediction(1))
    comparison = replayed(session.record(tmp_path, without=[(Stream.ORDERS, 1)]))
    assert comparison.first is not None
    assert "orders n=1: recorded none, computed BUY" in comparison.first.text


@pytest.mark.parametrize("stream", [Stream.PREDICTIONS, Stream.EXECUTIONS, Stream.DECISIONS])
def test_rows_that_are_missing_end_it(tmp_path: Path, stream: Stream) -> None:
    session = Session()
    for n in range(1, 6):
        session.predict(prediction(n))
        session.report()
    with pytest.raises(NotRecorded, match=f"{stream} n=3 not recorded"):
        replayed(session.record(tmp_path, without=[(stream, 3)], noted=True))


def test_an_order_that_was_dropped_is_a_difference(tmp_path: Path) -> None:
    session = Session()
    for n in range(1, 6):
        session.predict(prediction(n))
        session.report()
    dropped = session.written[Stream.ORDERS][2]
    comparison = replayed(session.record(tmp_path, without=[(Stream.ORDERS, 3)]))
    assert comparison.first is not None
    assert comparison.first.text == f"A orders n=3: recorded none, computed {dropped.human()}"
    assert comparison.not_compared == []
    assert (comparison.compared[Stream.ORDERS], comparison.identical[Stream.ORDERS]) == (9, 8)


def test_a_decision_that_was_dropped_is_a_difference(tmp_path: Path) -> None:
    session = Session()
    for n in range(1, 6):
        session.predict(prediction(n))
        session.report()
    comparison = replayed(session.record(tmp_path, without=[(Stream.DECISIONS, 3)]))
    assert comparison.first is not None
    assert comparison.first.text == "A decisions n=3: recorded none, so it is not known what came before it"
    assert comparison.not_compared == ["A: 2 decisions from there on"]


def test_orders_behind_the_last_decision(tmp_path: Path) -> None:
    session = Session()
    for n in (1, 2, 3):
        session.predict(prediction(n))
        session.report()
    comparison = replayed(session.record(tmp_path, without=[(Stream.DECISIONS, 3)]))
    assert (comparison.first, comparison.ahead[Stream.PREDICTIONS]) == (None, 1)
    assert comparison.not_compared == ["A: 2 orders behind the last recorded decision"]


@pytest.mark.parametrize("qty", [Decimal(0), Decimal(1)])
def test_a_stop_that_waits_for_its_report_at_the_end(tmp_path: Path, qty: Decimal) -> None:
    """There is no decision yet on the bar that fired it; its order is compared all the same."""

    def protected() -> ProtectedStage:
        return ProtectedStage(SYM, BasicTaker(), Decimal(100), "book", ProtectTerms(stop_bps=Decimal(100)))

    session = Session(protected())
    session.predict(prediction(1))
    session.report()
    session.predict(prediction(2, price=Decimal(50)))
    order = session.written[Stream.ORDERS][-1]
    assert isinstance(order, OrderIntent)
    assert order.leg is Leg.STOP
    session.written[Stream.ORDERS][-1] = order.model_copy(update={"signed_qty": order.signed_qty + qty})
    comparison = replayed(session.record(tmp_path), protected())
    assert comparison.not_compared == []
    assert (comparison.compared[Stream.ORDERS], comparison.identical[Stream.ORDERS]) == (2, 2 if qty == 0 else 1)
    assert comparison.ahead[Stream.PREDICTIONS] == 0


def test_what_was_removed_with_age_is_a_hole(tmp_path: Path) -> None:
    session = Session()
    for n in (1, 2, 3):
        session.predict(prediction(n))
        session.report()
    with pytest.raises(NotRecorded, match="orders n=1 to 2 not recorded"):
        replayed(session.record(tmp_path, without=[(Stream.ORDERS, 1), (Stream.ORDERS, 2)]))


def test_another_reason_is_a_difference(tmp_path: Path) -> None:
    session = Session()
    for n in (1, 2, 3):
        session.predict(prediction(n, y_hat=0.0))
    altered = session.written[Stream.DECISIONS][1].model_copy(update={"reason": Reason.NO_CHANGE})
    session.written[Stream.DECISIONS][1] = altered
    comparison = replayed(session.record(tmp_path))
    assert comparison.first is not None
    assert comparison.first.text == "A decisions n=2: recorded reason NO_CHANGE, computed ZERO_PREDICTION"
    assert (comparison.compared[Stream.DECISIONS], comparison.identical[Stream.DECISIONS]) == (3, 2)
