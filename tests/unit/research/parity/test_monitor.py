"""Parity of the alarm: the readings are computed again of what was recorded, a person's resume at its place."""

import random
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitor.stage import MonitorStage, Resumed
from services.monitor.stage import plan as monitor_plan
from services.research.parity.comparison import Comparison, NotRecorded, RecordedRows
from services.research.parity.monitor import (
    JOINT,
    MonitorReplay,
    RangeReplay,
    late_bars,
    monitor_inputs,
    monitor_start,
    recorded_ranges,
)
from services.research.parity.recording import LINE
from shared.bus.entry import Entry
from shared.bus.names import PartitionId
from shared.config import Settings
from shared.messages import DriftReading, ExecutionReport, Gap, GapCause, LateBars, Message, RangeReading, Stream
from shared.messages.codec import encode, pack
from shared.messages.monitor import BOOK, POOLED, Measure
from shared.recording.folder import RecordingFolder
from shared.recording.part import ReceivedEntry
from shared.runner.spec import Stage
from shared.runner.symbol import Symbol, Taken
from tests.unit.monitor.session import SYMBOLS, bars, stage
from tests.unit.monitor.test_comparisons import SYM, line
from tests.unit.monitor.test_comparisons import whole as informing
from tests.unit.recording.entries import FIRST_DAY_MS
from tests.unit.runner.fakes import entry

INSTANCES = {
    Stream.FEATURES: "signal", Stream.PREDICTIONS: "signal", Stream.DECISIONS: "strategy", Stream.ORDERS: "strategy",
    Stream.EXECUTIONS: "gateway", Stream.MONITOR: "monitor",
}  # fmt: skip
LAST = 70


@cache
def session(resume_after: int | None) -> tuple[Message, ...]:
    """A session in which the edge is gone; its monitor, and a person who resumes behind so many messages."""
    monitor, written = stage(), list[Message]()
    for i, message in enumerate(bars(1, LAST, -0.01)):
        written += [message, *(monitor.on_tick(message) or [])]
        if i == resume_after and monitor.alarm is not None:
            written += monitor.on_tick(Resumed(monitor.alarm.ts_event)) or []
    return tuple(written)


def record(folder: Path, messages: Iterable[Message], earlier: int = 0) -> None:
    """earlier: how many of them, the first ones, an earlier version has written."""
    recording, written = RecordingFolder(folder), list(messages)
    for stream, instance in INSTANCES.items():
        rows = [
            ReceivedEntry(PartitionId(instance, 0), at_wire_4(message, at) if at < earlier else read(message, at), 0)
            for at, message in enumerate(written)
            if message.to is stream
        ]
        recording.add(stream, rows, "server")


def read(message: Message, at: int) -> Entry:
    return entry(message, FIRST_DAY_MS + at)


def at_wire_4(message: Message, at: int) -> Entry:
    return entry(message, FIRST_DAY_MS + at, t=f"{type(message).__name__}/4".encode(), d=encode(message, 4))


def replayed(folder: Path, monitor: MonitorStage, after: int = 0) -> Comparison:
    """after: the bar up to which all was taken already."""
    inputs = [
        RecordedRows(folder, stream, INSTANCES[stream], sym, after)
        for stream in (Stream.PREDICTIONS, Stream.DECISIONS)
        for sym in SYMBOLS
    ]
    comparison = Comparison()
    sent = max(after - 1, 0)  # through the first bar nothing was held
    recorded = RecordedRows(folder, Stream.MONITOR, "monitor", POOLED, sent)
    late = list(late_bars(folder, "monitor", {}, SYMBOLS))
    MonitorReplay(monitor, inputs, recorded, comparison, late).run()
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


@pytest.mark.parametrize("n", [1, 2, LAST // 2, LAST - 2])
@pytest.mark.parametrize("by", ["decay", "net", "held"])
def test_another_reading_is_a_difference(tmp_path: Path, n: int, by: str) -> None:
    """Each writes a recording: a hundred of them come to the time that a test may take, where the machine is busy."""
    changed = [
        message.model_copy(update={by: getattr(message, by) + 1})
        if isinstance(message, DriftReading) and message.n == n
        else message
        for message in session(None)
    ]
    record(tmp_path, changed)
    found = replayed(tmp_path, stage())
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


def test_readings_behind_the_last_bar_are_not_shown_to_be_the_same(tmp_path: Path) -> None:
    bars_gone = [each for each in session(None) if each.to is Stream.MONITOR or each.n <= LAST - 2]
    record(tmp_path, bars_gone)
    found = replayed(tmp_path, stage())
    assert (found.first, found.identical[Stream.MONITOR]) == (None, len(readings(session(None))) - 2)
    assert found.not_compared == ["monitor: 2 readings behind the last recorded prediction and decision"]


def test_it_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    """As the recorder keeps it: the joint stage, how far each symbol was taken, and the number of the last reading."""
    own = Settings(symbols=SYMBOLS, interval="12h", signal={"model": "none"}, bus={"partitions": 1})
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
    plan = monitor_plan(own)
    of_tests = plan.__class__(**{**plan.__dict__, "make_stage": lambda _: stage()})
    start = monitor_start(of_tests, snapshots, SYMBOLS)
    assert (start.sent[POOLED], start.taken[Stream.DECISIONS, SYMBOLS[0]]) == (39, 40)
    record(tmp_path, session(None))
    found = replayed(tmp_path, start.stage, after=40)
    assert (found.first, found.identical[Stream.MONITOR]) == (None, LAST - 40)


class Nothing(Stage):
    """Has no memory."""

    def on_tick(self, val: Message) -> list[Message] | None:
        return None


def silent_session(last: int, looks: random.Random) -> list[Message]:
    """One symbol comes when the dice say so; now and then the monitor goes on without it."""
    monitor, written, held = stage(), list[Message](), list[Message]()
    for message in bars(1, last, -0.01):
        if message.sym == SYMBOLS[1]:
            held.append(message)
            came = held if looks.random() < 0.2 else []
        else:
            came = [message]
        for each in list(came):
            written += [each, *(monitor.on_tick(each) or [])]
        if came is held:
            held = []
        for late in list(monitor.late()) if looks.random() < 0.3 else ():
            written += monitor.on_tick(late) or []
    return written + held


@given(looks=st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_bars_that_were_not_waited_for_are_left_out_again_however_they_came(
    tmp_path_factory: pytest.TempPathFactory, looks: random.Random
) -> None:
    """The recording has them all in the end, in an order that the monitor never saw."""
    folder, written = tmp_path_factory.mktemp("recording"), silent_session(LAST, looks)
    record(folder, written)
    found = replayed(folder, stage())
    assert (found.first, found.not_compared) == (None, [])
    assert found.identical[Stream.MONITOR] == len(readings(written))


def test_unrecorded_it_is_a_difference(tmp_path: Path) -> None:
    written = silent_session(LAST, random.Random(1))
    assert any(isinstance(each, LateBars) for each in written)
    record(tmp_path, [each for each in written if not isinstance(each, LateBars)])
    assert replayed(tmp_path, stage()).first is not None


def compared_again(folder: Path, written: list[Message], earlier: int = 0) -> Comparison:
    record(folder, written, earlier)
    comparison = Comparison()
    made_by = {stream: INSTANCES[stream] for stream in LINE}
    inputs = monitor_inputs(folder, made_by, (SYM,), dict.fromkeys(((stream, SYM) for stream in LINE), 0))
    RangeReplay(informing(), inputs, recorded_ranges(folder, "monitor", (SYM,), {}, None), comparison).run()
    return comparison


def informed() -> list[Message]:
    """A session of one symbol, read stream by stream: not as its recording is."""
    monitor, messages = informing(), list(line([0.004, -0.006] * 60))
    messages.sort(key=lambda each: LINE.index(each.to))
    return [made for each in messages for made in (each, *(monitor.on_tick(each) or []))]


def test_what_informs_only_is_computed_again_too(tmp_path: Path) -> None:
    written = informed()
    said = [each for each in written if isinstance(each, RangeReading)]
    assert {each.what for each in said} == {Measure.Y_HAT, Measure.COSTS, Measure.EQUITY}
    found = compared_again(tmp_path, written)
    assert (found.first, found.identical[Stream.MONITOR]) == (None, len(said))


@pytest.mark.parametrize("what", [Measure.Y_HAT, Measure.COSTS, Measure.EQUITY])
def test_another_measure_is_a_difference(tmp_path: Path, what: Measure) -> None:
    changed = [
        each.model_copy(update={"value": each.value + 1})
        if isinstance(each, RangeReading) and each.what is what
        else each
        for each in informed()
    ]
    found = compared_again(tmp_path, changed)
    assert found.first is not None and ": recorded value " in found.first.text


def test_behind_executions_that_the_monitor_missed_their_measures_are_not_compared(tmp_path: Path) -> None:
    """The recorder had them: it computes others, and that is no difference."""
    monitor, written, lost = informing(), list[Message](), 0
    for message in line([0.004, -0.006] * 60):
        written.append(message)
        if isinstance(message, ExecutionReport) and 100 <= message.n < 120:
            lost = message.n
            continue
        if isinstance(message, ExecutionReport) and lost:
            gap = Gap(n=lost, sym=SYM, ts_event=0, tr="t", stream=Stream.EXECUTIONS, cause=GapCause.MISSED)
            written += monitor.on_tick(gap) or []
            lost = 0
        written += monitor.on_tick(message) or []
    assert [each.sym for each in written if isinstance(each, Gap)] == [SYM, BOOK]
    at = next(i for i, each in enumerate(written) if isinstance(each, Gap))
    before = [each for each in written[:at] if isinstance(each, RangeReading)]
    after = [each for each in written[at:] if isinstance(each, RangeReading)]
    assert {each.what for each in after} >= {Measure.COSTS, Measure.Y_HAT}
    found = compared_again(tmp_path, written)
    of_model = [each for each in after if each.what is Measure.Y_HAT]
    assert (found.first, found.identical[Stream.MONITOR]) == (None, len(before) + len(of_model))


@pytest.mark.parametrize("whole", [True, False])
def test_what_an_earlier_version_said_of_trades_is_not_compared(tmp_path: Path, whole: bool) -> None:
    """It named another bar, and did not tell where it had missed trades; what it said of the model must be so yet."""
    written = [
        each.model_copy(update={"ts_event": each.ts_event + 1})
        if isinstance(each, RangeReading) and each.what is not Measure.Y_HAT
        else each
        for each in informed()
    ]
    of_model = [each for each in written if isinstance(each, RangeReading) and each.what is Measure.Y_HAT]
    first = [next(i for i, each in enumerate(written) if isinstance(each, RangeReading) and each.what is what)
             for what in (Measure.COSTS, Measure.EQUITY)]  # fmt: skip
    found = compared_again(tmp_path, written, len(written) if whole else max(first) + 1)
    assert (found.first, found.identical[Stream.MONITOR]) == (None, len(of_model))


def test_a_reading_that_is_not_computed_is_a_difference(tmp_path: Path) -> None:
    written = informed()
    last = next(each for each in reversed(written) if isinstance(each, RangeReading) and each.what is Measure.COSTS)
    found = compared_again(tmp_path, [*written, last.model_copy(update={"n": 1_000})])
    assert found.first is not None and "n=1000: recorded costs" in found.first.text
    assert found.first.text.endswith("computed none")
