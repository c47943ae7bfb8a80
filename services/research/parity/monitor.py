"""The monitor's stage runs over what was recorded of all symbols: its readings, and its alarm.

A person's resume came from the journal, between two readings. The reading that says so is recorded, and tells where.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from pathlib import Path
from typing import NamedTuple

from services.monitor.stage import GivenUp, MonitorStage, Resumed
from services.research.parity.comparison import Comparison, RecordedRows, message_of
from shared.messages import DriftReading, Gap, GapCause, LateBars, Message, RangeReading, Stream
from shared.messages.codec import unpack
from shared.messages.monitor import BOOK, DriftMoved, Measure
from shared.recording.part import RecordedEntry, read_rows
from shared.runner.spec import ServiceSpec
from shared.runner.symbol import SymbolSnapshot

JOINT = ""  # beside the symbols' names in a checkpoint: what the joint stage remembers


class MonitorStart(NamedTuple):
    """A replay starts here.

    - stage: as a checkpoint has it. sent: n of the last reading before, of each symbol.
    - taken: (input, symbol) -> n of the last message before.
    """

    stage: MonitorStage
    sent: Mapping[str, int]
    taken: Mapping[tuple[Stream, str], int]


def monitor_start(plan: ServiceSpec, snapshots: Mapping[str, bytes], symbols: Sequence[str]) -> MonitorStart:
    """Returns where a checkpoint lets the monitor go on; its very beginning where the checkpoint knows none."""
    stage = plan.make_stage(JOINT)
    assert isinstance(stage, MonitorStage)
    if JOINT in snapshots:
        stage.restore(unpack(snapshots[JOINT]))
    saved = {sym: SymbolSnapshot.of(unpack(data)) for sym, data in snapshots.items() if sym != JOINT}
    taken: dict[tuple[Stream, str], int] = {}
    for source in plan.inputs:
        for sym in symbols:
            known = saved[sym].last.get(source.key) if sym in saved else None
            taken[source.stream, sym] = max(taken.get((source.stream, sym), 0), 0 if known is None else known.n)
    sent = {sym: symbol.sent.get(Stream.MONITOR, 0) for sym, symbol in saved.items()}
    return MonitorStart(stage, sent, taken)


def late_bars(folder: Path, instance: str, sent: Mapping[str, int], symbols: Sequence[str]) -> Iterator[GivenUp]:
    """Yields which bars the recorded monitor did not wait for, of each symbol in order."""
    for sym in symbols:
        for row in read_rows(folder, Stream.MONITOR, instance, [sym]):
            if row.n > sent.get(sym, 0) and isinstance(said := message_of(row), LateBars):
                yield GivenUp.of(said)


class MonitorReplay:
    """Replays the stage over the rows of all symbols, in the order of time, until the recorded readings end.

    The stage gives the same in any order of symbols and streams, and wherever it is told for which bars not to wait;
    so it is told of them all at the start. Raises NotRecorded where rows are missing.
    """

    def __init__(
        self,
        stage: MonitorStage,
        inputs: Sequence[RecordedRows],
        recorded: RecordedRows,
        comparison: Comparison,
        late: Sequence[GivenUp] = (),
    ) -> None:
        self._stage, self._inputs, self._recorded, self._comparison = stage, inputs, recorded, comparison
        self._late = late

    def run(self) -> None:
        """Computes every reading again."""
        self._resume()
        for late in self._late:
            self._take(late)
        messages = _in_order(self._inputs)
        while self._recorded.due() is not None and (message := next(messages, None)) is not None:
            self._take(message)
        self._comparison.behind(Stream.MONITOR, self._recorded, "reading", "prediction and decision")

    def _take(self, val: Message | GivenUp) -> None:
        for reading in self._stage.on_tick(val) or []:
            if not isinstance(reading, DriftReading):
                continue  # see RangeReplay
            if self._recorded.due() is None:
                return
            self._comparison.compare(reading, self._recorded)
            self._resume()

    def _resume(self) -> None:
        """Tells the stage of a person's resume, where the next recorded reading is of one."""
        while (row := self._recorded.peek()) is not None:
            said = message_of(row)
            if not isinstance(said, DriftReading) or said.moved is not DriftMoved.RESUMED:
                return
            computed = self._stage.on_tick(Resumed(said.ts_event))
            if not computed:
                self._recorded.next()
                what = f"{said.sym} {Stream.MONITOR} n={said.n}: recorded {said.human()}, computed no alarm before it"
                self._comparison.differs(said.ts_event, what)
                return
            for reading in computed:
                self._comparison.compare(reading, self._recorded)


class RangeReplay:
    """Replays the stage likewise for what informs only: each measure's readings, in their order.

    How the readings of several measures interleave, and so their numbers, is as the streams were read.

    - inputs: of all streams that the monitor reads; see `monitor_inputs`.
    - recorded: by symbol, measure and name the rows of the span, and what they say.
    """

    def __init__(
        self,
        stage: MonitorStage,
        inputs: Sequence[RecordedRows],
        recorded: "RecordedRanges",
        comparison: Comparison,
        late: Sequence[GivenUp] = (),
    ) -> None:
        self._stage, self._inputs, self._recorded, self._comparison = stage, inputs, recorded, comparison
        self._late = late

    def run(self) -> None:
        """Computes the readings again, until there is none left to compare."""
        for late in self._late:
            self._take(late)
        messages = _in_order(self._inputs)
        while any(self._recorded.values()) and (message := next(messages, None)) is not None:
            self._take(message)
        for rows_left in self._recorded.values():
            for row in rows_left:
                said = message_of(row)
                assert said is not None
                what = f"{row.k} {Stream.MONITOR} n={row.n}: recorded {said.human()}, computed none"
                self._comparison.differs(said.ts_event, what)

    def _take(self, val: Message | GivenUp) -> None:
        for said in self._stage.on_tick(val) or []:
            rows = self._recorded.get(_measure(said)) if isinstance(said, RangeReading) else None
            if rows:
                row = rows.popleft()
                self._comparison.compare_row(said.model_copy(update={"n": row.n}), row)


OF_TRADES = (Measure.COSTS, Measure.EQUITY)
TOLD_SINCE = 5  # the wire from which on the monitor tells that it missed trades, and of which bar its equity is

Measured = tuple[str, str, str]
RecordedRanges = dict[Measured, deque[RecordedEntry]]


def recorded_ranges(
    folder: Path, instance: str, symbols: Sequence[str], sent: Mapping[str, int], upto: Mapping[str, int] | None
) -> RecordedRanges:
    """Returns the readings behind the numbers in `sent`, up to those in `upto`, if any; of no symbol there: none.

    Where the monitor itself has missed orders or executions, those of costs and books behind that are left out: they
    are of what it had, and the recording has more. So is a measure of which an earlier version has said some,
    since that did not tell.
    """
    found: RecordedRanges = {}
    untold: set[Measured] = set()
    for sym in (*symbols, BOOK):
        lacking = False
        for row in read_rows(folder, Stream.MONITOR, instance, [sym]):
            if row.n <= sent.get(sym, 0) or (upto is not None and row.n > upto.get(sym, 0)):
                continue
            said = message_of(row)
            lacking = lacking or isinstance(said, Gap)
            if not isinstance(said, RangeReading) or (lacking and said.what in OF_TRADES):
                continue
            found.setdefault(_measure(said), deque()).append(row)
            if said.what in OF_TRADES and int(row.t.rpartition("/")[2]) < TOLD_SINCE:
                untold.add(_measure(said))
    return {measure: rows for measure, rows in found.items() if measure not in untold}


def _measure(said: RangeReading) -> Measured:
    return said.sym, str(said.what), said.name


def monitor_inputs(
    folder: Path, made_by: Mapping[Stream, str], symbols: Sequence[str], taken: Mapping[tuple[Stream, str], int]
) -> list[RecordedRows]:
    """Returns the recorded rows of these streams. Of one time the streams come in the order of `made_by`.

    So that should be the line's: a prediction stands before its decision, an order before its report.

    - made_by: stream -> instance.
    """
    return [
        RecordedRows(folder, stream, instance, sym, taken[stream, sym])
        for stream, instance in made_by.items()
        for sym in symbols
    ]


def _in_order(inputs: Sequence[RecordedRows]) -> Iterator[Message]:
    """Yields the rows' messages in the order of time; of a row that cannot be read the Gap that its reader made."""
    heads: list[tuple[int, int, Message | None]] = []

    def push(at: int) -> None:
        row = inputs[at].peek()
        if row is not None:
            found = message_of(row)
            heappush(heads, (0 if found is None else found.ts_event, at, found))

    for at in range(len(inputs)):
        push(at)
    while heads:
        _, at, found = heappop(heads)
        row = inputs[at].next()
        yield found or Gap(
            n=row.n, sym=row.k, ts_event=0, tr=row.tr or "?", stream=inputs[at].stream, cause=GapCause.UNREADABLE
        )
        push(at)
