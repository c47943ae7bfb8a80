"""Parity of the alarm: the readings are computed again of what was recorded, a person's resume at its place."""

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.stage import MonitorStage, Resumed
from services.monitor.stage import plan as monitor_plan
from services.research.parity.comparison import Comparison, NotRecorded, RecordedRows
from services.research.parity.monitor import JOINT, MonitorReplay, monitor_start
from shared.bus.names import PartitionId
from shared.config import Settings
from shared.messages import DriftReading, Message, Stream
from shared.messages.codec import pack
from shared.messages.monitor import POOLED
from shared.recording.folder import RecordingFolder
from shared.recording.part import ReceivedEntry
from shared.runner.spec import Stage
from shared.runner.symbol import Symbol, Taken
from tests.unit.monitor.session import SYMBOLS, bars, stage
from tests.unit.recording.entries import FIRST_DAY_MS
from tests.unit.runner.fakes import entry

INSTANCES = {Stream.PREDICTIONS: "signal", Stream.DECISIONS: "strategy", Stream.MONITOR: "monitor"}
LAST = 70


def session(resume_after: int | None) -> list[Message]:
    """A session in which the edge is gone; its monitor, and a person who resumes behind so many messages."""
    monitor, written = stage(), list[Message]()
    for i, message in enumerate(bars(1, LAST, -0.01)):
        written += [message, *(monitor.on_tick(message) or [])]
        if i == resume_after and monitor.alarm is not None:
            written += monitor.on_tick(Resumed(monitor.alarm.ts_event)) or []
    return written


def record(folder: Path, messages: Iterable[Message]) -> None:
    recording, written = RecordingFolder(folder), list(messages)
    for stream, instance in INSTANCES.items():
        rows = [
            ReceivedEntry(PartitionId(instance, 0), entry(message, FIRST_DAY_MS + at), 0)
            for at, message in enumerate(written)
            if message.to is stream
        ]
        recording.add(stream, rows, "server")


def replayed(folder: Path, monitor: MonitorStage, after: int = 0) -> Comparison:
    """after: the bar up to which all was taken already."""
    inputs = [
        RecordedRows(folder, stream, INSTANCES[stream], sym, after)
        for stream in (Stream.PREDICTIONS, Stream.DECISIONS)
        for sym in SYMBOLS
    ]
    comparison = Comparison()
    sent = max(after - 1, 0)  # through the first bar nothing was held
    MonitorReplay(monitor, inputs, RecordedRows(folder, Stream.MONITOR, "monitor", POOLED, sent), comparison).run()
    return comparison


def readings(messages: Iterable[Message]) -> list[DriftReading]:
    return [message for message in messages if isinstance(message, DriftReading)]


@pytest.mark.parametrize("resume_after", [None, 200, 220])
def test_every_reading_is_computed_again_a_resume_at_its_place(tmp_path: Path, resume_after: int | None) -> None:
    written = session(resume_after)
    assert any("(resumed)" in reading.human() for reading in readings(written)) == (resume_after is not None)
    assert any("decayed" in reading.human() for reading in readings(written))
    record(tmp_path, written)
    found = replayed(tmp_path, stage())
    assert (found.first, found.not_compared) == (None, [])
    assert found.identical[Stream.MONITOR] == len(readings(written))


@given(n=st.integers(1, LAST - 2), by=st.sampled_from(["decay", "net", "held"]))
def test_another_reading_is_a_difference(tmp_path_factory: pytest.TempPathFactory, n: int, by: str) -> None:
    folder = tmp_path_factory.mktemp("recording")
    changed = [
        message.model_copy(update={by: getattr(message, by) + 1})
        if isinstance(message, DriftReading) and message.n == n
        else message
        for message in session(None)
    ]
    record(folder, changed)
    found = replayed(folder, stage())
    assert found.first is not None
    assert found.first.text.startswith(f"* monitor n={n}: recorded {by} ")


def test_a_resume_without_an_alarm_is_a_difference(tmp_path: Path) -> None:
    written = session(None)
    first = readings(written)[0]
    alarmed = stage()
    for message in bars(1, LAST, -0.01):
        alarmed.on_tick(message)
    (resumed,) = cast(list[DriftReading], alarmed.on_tick(Resumed(first.ts_event)))
    at = written.index(first)
    record(tmp_path, [*written[: at + 1], resumed.model_copy(update={"n": first.n + 1})])
    found = replayed(tmp_path, stage())
    assert found.first is not None
    assert "computed no alarm before it" in found.first.text


def test_a_hole_is_no_parity(tmp_path: Path) -> None:
    record(tmp_path, [each for each in session(None) if not (each.to is Stream.DECISIONS and each.n == 30)])
    with pytest.raises(NotRecorded, match="decisions n=30 not recorded"):
        replayed(tmp_path, stage())


def test_it_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    """As the recorder keeps it: the joint stage, how far each symbol was taken, and the number of the last reading."""
    settings = Settings(symbols=SYMBOLS, interval="12h", signal={"model": "none"}, bus={"partitions": 1})
    monitor = stage()
    for message in bars(1, 40, -0.01):
        monitor.on_tick(message)
    snapshots = {JOINT: pack(monitor.state())}
    for sym in (*SYMBOLS, POOLED):
        symbol = Symbol(sym, Nothing())
        if sym == POOLED:
            symbol.sent = {Stream.MONITOR: 39}
        else:
            symbol.last = {"predictions.0": Taken(40, "t", b"x"), "decisions.0": Taken(40, "t", b"x")}
        snapshots[sym] = symbol.dump()
    plan = monitor_plan(settings)
    of_tests = plan.__class__(**{**plan.__dict__, "make_stage": lambda _: stage()})
    start = monitor_start(of_tests, snapshots, SYMBOLS)
    assert (start.sent, set(start.taken.values())) == (39, {40})
    record(tmp_path, session(None))
    found = replayed(tmp_path, start.stage, after=40)
    assert (found.first, found.identical[Stream.MONITOR]) == (None, LAST - 40)


class Nothing(Stage):
    """Has no memory."""

    def on_tick(self, val: Message) -> list[Message] | None:
        return None
