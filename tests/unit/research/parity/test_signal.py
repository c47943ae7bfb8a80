"""The signal stage's recorded predictions, made again from the recorded ticks."""

from pathlib import Path
from typing import Any

import pytest

from services.research.parity.comparison import Comparison, NotRecorded, RecordedRows
from services.research.parity.stages import replay_signal
from services.signal.stage import SignalStage
from shared.errors import ConfigError
from shared.messages import Gap, GapCause, Message, Stream, encode
from shared.messages.market import Group, QuoteGroup
from shared.models.load_model import load_model
from shared.models.model import Predict
from shared.models.model_input import ModelInput
from shared.tick import Tick
from tests.altered_recording import alter, the_row
from tests.unit.research.parity.session import INSTANCE, SYM, Session
from tests.unit.runner.fakes import tick

SPEC = "log_return_lags(3)"


@pytest.fixture(scope="module")
def predict() -> Predict:
    return Predict(load_model("weights/btcusdt_12h_linear.json").module)


@pytest.fixture
def stage(predict: Predict) -> SignalStage:
    return SignalStage(ModelInput([SPEC]), predict, "m")


@pytest.fixture
def session(stage: SignalStage) -> Session:
    return Session(stage)


@pytest.fixture
def again(predict: Predict) -> SignalStage:
    return SignalStage(ModelInput([SPEC]), predict, "m")


def give(session: Session, *messages: Message, seen: bool = True) -> None:
    for message in messages:
        session.written[Stream.TICKS].append(message)
        if seen:
            session.take(message)


def replayed(stage: SignalStage, rows: dict[Stream, RecordedRows]) -> Comparison:
    comparison = Comparison()
    replay_signal(SYM, stage, rows[Stream.TICKS], rows, comparison)
    return comparison


def gap(n: int, tr: str, cause: GapCause, ts_event: int = 0) -> Gap:
    return Gap(n=n, sym=SYM, ts_event=ts_event, tr=tr, stream=Stream.TICKS, cause=cause)


def test_every_prediction_and_every_feature(tmp_path: Path, session: Session, again: SignalStage) -> None:
    give(session, *map(tick, range(1, 21)))
    comparison = replayed(again, session.record(tmp_path))
    assert comparison.first is None
    assert comparison.compared == comparison.identical == {Stream.FEATURES: 17, Stream.PREDICTIONS: 20}


def test_gaps_of_every_kind(tmp_path: Path, session: Session, again: SignalStage) -> None:
    give(session, *map(tick, range(1, 7)))
    give(session, gap(7, "t:A:7", GapCause.MISSED, 7))  # the ingestor wrote it
    give(session, *map(tick, range(8, 14)))
    give(session, *map(tick, range(14, 16)), seen=False)  # lost before the signal service read them
    session.take(gap(15, "t:A:16", GapCause.MISSED, 16))
    give(session, *map(tick, range(16, 22)))
    give(session, tick(22), seen=False)  # could not be taken
    session.take(gap(22, "t:A:22", GapCause.UNREADABLE))
    give(session, *map(tick, range(23, 30)))
    comparison = replayed(again, session.record(tmp_path))
    assert comparison.first is None
    assert comparison.not_compared == []
    made = 6 + 1 + 6 + 1 + 6 + 1 + 7
    assert comparison.compared[Stream.PREDICTIONS] == comparison.identical[Stream.PREDICTIONS] == made


def test_the_last_bit_is_a_difference(tmp_path: Path, session: Session, again: SignalStage) -> None:
    give(session, *map(tick, range(1, 9)))
    right = session.written[Stream.PREDICTIONS][5]
    session.written[Stream.PREDICTIONS][5] = right.model_copy(update={"y_hat": right.y_hat * (1 + 2**-52)})  # type: ignore[attr-defined]
    comparison = replayed(again, session.record(tmp_path))
    assert comparison.first is not None
    assert comparison.first.text.startswith("A predictions n=6: recorded y_hat ")
    assert comparison.compared[Stream.PREDICTIONS] - comparison.identical[Stream.PREDICTIONS] == 1


def test_any_byte_of_a_prediction_is_a_difference(tmp_path: Path, session: Session, again: SignalStage) -> None:
    give(session, *map(tick, range(1, 9)))
    session.record(tmp_path)
    right, fresh = encode(session.written[Stream.PREDICTIONS][5]), again.state()
    for at in range(len(right)):
        wrong = right[:at] + bytes([right[at] ^ 1]) + right[at + 1 :]
        alter(tmp_path, Stream.PREDICTIONS, lambda rows, d=wrong: the_row(rows, SYM, 6).update(d=d))  # type: ignore[misc]
        again.restore(fresh)
        comparison = replayed(again, {stream: RecordedRows(tmp_path, stream, INSTANCE, SYM, 0) for stream in Stream})
        assert comparison.first is not None, at
        assert comparison.first.text.startswith("A predictions n=6: recorded "), at
        assert comparison.compared[Stream.PREDICTIONS] - comparison.identical[Stream.PREDICTIONS] == 1


def test_another_model_is_refused(tmp_path: Path, session: Session, predict: Predict) -> None:
    give(session, *map(tick, range(1, 9)))
    with pytest.raises(ConfigError, match="of model m, here is other: put that model back"):
        replayed(SignalStage(ModelInput([SPEC]), predict, "other"), session.record(tmp_path))


def test_missing_ticks_end_it(tmp_path: Path, session: Session, again: SignalStage) -> None:
    give(session, *map(tick, range(1, 9)))
    with pytest.raises(NotRecorded, match="ticks n=5 to 6 not recorded"):
        replayed(again, session.record(tmp_path, without=[(Stream.TICKS, 5), (Stream.TICKS, 6)]))


def test_the_end_of_a_recording_may_be_uneven(tmp_path: Path, session: Session, again: SignalStage) -> None:
    """Ticks that were not predicted on yet are no difference; predictions without their ticks are not shown."""
    give(session, *map(tick, range(1, 9)))
    give(session, tick(9), seen=False)
    comparison = replayed(again, session.record(tmp_path / "ticks"))
    assert (comparison.first, comparison.not_compared, comparison.ahead[Stream.TICKS]) == (None, [], 1)


def test_a_tick_that_lacks_a_group_is_its_own_gap(tmp_path: Path) -> None:
    """The stage wrote the Gap, no reader of the ticks did: the tick itself leads to it, and to its prediction."""

    def of_quotes() -> SignalStage:
        made = ModelInput([SPEC])
        made.needs = frozenset({Group.QUOTE})
        return SignalStage(made, Constant(), "m")

    quoted = [tick(n).model_copy(update={"quote": QUOTE}) for n in range(1, 14)]
    lacking = [tick(n) for n in (5, 6)]
    session = Session(of_quotes())
    give(session, *quoted[:4], *lacking, *quoted[6:])
    comparison = replayed(of_quotes(), session.record(tmp_path))
    assert (comparison.first, comparison.not_compared, comparison.ahead[Stream.TICKS]) == (None, [], 0)
    assert comparison.identical[Stream.PREDICTIONS] == comparison.compared[Stream.PREDICTIONS] == 13 + 2


QUOTE = QuoteGroup(bid=1.0, ask=1.1, bid_qty=2.0, ask_qty=3.0)


class Constant(Tick[Any, float]):
    """A model."""

    def on_tick(self, val: Any) -> float | None:
        return 0.5


def test_ticks_that_fill_a_window_are_answered(tmp_path: Path, session: Session, again: SignalStage) -> None:
    give(session, *map(tick, range(1, 9)), gap(9, "t:A:9", GapCause.MISSED, 9), *map(tick, range(10, 13)))
    comparison = replayed(again, session.record(tmp_path))
    assert (comparison.first, comparison.not_compared, comparison.ahead[Stream.TICKS]) == (None, [], 0)


def test_predictions_behind_the_last_tick(tmp_path: Path, session: Session, again: SignalStage) -> None:
    give(session, *map(tick, range(1, 9)))
    comparison = replayed(again, session.record(tmp_path, without=[(Stream.TICKS, 8)]))
    assert comparison.not_compared == [
        f"A: 1 {what} behind the last recorded tick" for what in ("prediction", "feature")
    ]


def test_features_behind_the_last_prediction(tmp_path: Path, session: Session, again: SignalStage) -> None:
    give(session, *map(tick, range(1, 9)))
    comparison = replayed(again, session.record(tmp_path, without=[(Stream.PREDICTIONS, n) for n in (7, 8)]))
    assert (comparison.first, comparison.ahead[Stream.TICKS]) == (None, 2)
    assert comparison.not_compared == ["A: 2 features behind the last recorded prediction"]
