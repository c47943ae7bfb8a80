"""The monitor's stage: which alarm stands, and that a person ends it."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from services.monitor.stage import MonitorStage, Resumed
from shared.messages import DriftReading, Message
from shared.messages.codec import pack, unpack
from shared.messages.monitor import DriftMoved, DriftState
from tests.unit.monitor.session import bars, stage


def taken(monitor: MonitorStage, messages: Iterable[Message]) -> list[DriftReading]:
    """The readings of these messages."""
    found = [reading for message in messages for reading in monitor.on_tick(message) or []]
    assert all(isinstance(reading, DriftReading) for reading in found)
    return found  # type: ignore[return-value]


def test_an_alarm_stands_from_the_first_reading_of_decay_on() -> None:
    monitor = stage()
    readings = taken(monitor, bars(1, 60, -0.01))
    first = next(reading for reading in readings if reading.state is DriftState.DECAYED)
    assert monitor.alarm is not None
    assert (monitor.alarm.name, monitor.alarm.ts_event) == (first.tr, first.ts_event)
    assert monitor.alarm.why == first.human()
    assert readings[-1].state is DriftState.DECAYED


def test_where_the_edge_is_there_no_alarm_stands() -> None:
    monitor = stage()
    assert {reading.state for reading in taken(monitor, bars(1, 60, 0.01))} == {DriftState.OK}
    assert monitor.alarm is None


def test_resumed_it_alarms_neither_at_once_nor_at_the_next_bar() -> None:
    monitor = stage()
    taken(monitor, bars(1, 60, -0.01))
    assert monitor.alarm is not None
    (said,) = monitor.on_tick(Resumed(monitor.alarm.ts_event)) or []
    assert isinstance(said, DriftReading)
    assert (said.moved, said.decay, said.state) == (DriftMoved.RESUMED, 0.0, DriftState.OK)
    (after,) = taken(monitor, bars(61, 61, -0.01))
    assert (after.state, monitor.alarm) == (DriftState.OK, None)
    assert after.n == said.n + 1
    taken(monitor, bars(62, 120, -0.01))
    assert monitor.alarm is not None, "where the loss goes on it alarms again, in its time"


def test_nobody_resumes_what_does_not_stand() -> None:
    monitor = stage()
    taken(monitor, bars(1, 5, 0.01))
    assert monitor.on_tick(Resumed(1)) == []


@given(st.sets(st.integers(0, 239), max_size=6))
def test_restored_is_never_stopped(stops: set[int]) -> None:
    whole, restored = stage(), stage()
    for i, message in enumerate(bars(1, 60, -0.01)):
        if i in stops:
            kept = pack(restored.state())  # type: ignore[arg-type]
            restored = stage()
            restored.restore(unpack(kept))
        assert restored.on_tick(message) == whole.on_tick(message)
    assert restored.alarm == whole.alarm is not None
