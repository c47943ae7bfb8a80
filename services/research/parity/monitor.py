"""The monitor's stage runs over the recorded predictions and decisions of all symbols: its readings, and its alarm.

A person's resume came from the journal, between two readings. The reading that says so is recorded, and tells where.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.monitor.stage import DRIFT_INPUTS, MonitorStage, Resumed
from services.research.parity.comparison import Comparison, RecordedRows, message_of
from shared.messages import DriftReading, Gap, GapCause, Message, Stream
from shared.messages.codec import unpack
from shared.messages.monitor import POOLED, DriftMoved
from shared.recording.part import RecordedEntry
from shared.runner.spec import ServiceSpec
from shared.runner.symbol import SymbolSnapshot

JOINT = ""  # beside the symbols' names in a checkpoint: what the joint stage remembers


class MonitorStart(NamedTuple):
    """A replay starts here.

    - stage: as a checkpoint has it. sent: n of the last reading before.
    - taken: (input, symbol) -> n of the last message before.
    """

    stage: MonitorStage
    sent: int
    taken: Mapping[tuple[Stream, str], int]


def monitor_start(plan: ServiceSpec, snapshots: Mapping[str, bytes], symbols: Sequence[str]) -> MonitorStart:
    """Returns where a checkpoint lets the monitor go on; its very beginning where the checkpoint knows none."""
    stage = plan.make_stage(JOINT)
    assert isinstance(stage, MonitorStage)
    if JOINT in snapshots:
        stage.restore(unpack(snapshots[JOINT]))
    saved = {sym: SymbolSnapshot.of(unpack(data)) for sym, data in snapshots.items() if sym != JOINT}
    taken: dict[tuple[Stream, str], int] = {}
    for source in (each for each in plan.inputs if each.stream in DRIFT_INPUTS):
        for sym in symbols:
            known = saved[sym].last.get(source.key) if sym in saved else None
            taken[source.stream, sym] = max(taken.get((source.stream, sym), 0), 0 if known is None else known.n)
    sent = saved[POOLED].sent.get(Stream.MONITOR, 0) if POOLED in saved else 0
    return MonitorStart(stage, sent, taken)


class MonitorReplay:
    """Replays the stage over the rows of all symbols, in the order of time, until the recorded readings end.

    The stage gives the same in any order of symbols and streams. Raises NotRecorded where rows are missing.
    """

    def __init__(
        self, stage: MonitorStage, inputs: Sequence[RecordedRows], recorded: RecordedRows, comparison: Comparison
    ) -> None:
        self._stage, self._inputs, self._recorded, self._comparison = stage, inputs, recorded, comparison

    def run(self, upto: int | None = None) -> None:
        """Computes every reading again, up to n = `upto`."""
        self._resume()
        while (rows := self._earliest()) is not None and not self._over(upto):
            row = rows.next()
            for reading in self._stage.on_tick(_message(rows.stream, row)) or []:
                if not isinstance(reading, DriftReading):
                    continue  # what informs only may come in another order
                if self._over(upto):
                    return
                self._comparison.compare(reading, self._recorded)
                self._resume()

    def _over(self, upto: int | None) -> bool:
        return self._recorded.peek() is None or (upto is not None and self._recorded.last_n >= upto)

    def _earliest(self) -> RecordedRows | None:
        waiting = [(_time(row), at) for at, rows in enumerate(self._inputs) if (row := rows.peek()) is not None]
        return self._inputs[min(waiting)[1]] if waiting else None

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


def _message(stream: Stream, row: RecordedEntry) -> Message:
    """Returns the row's message; of one that cannot be read the Gap that its reader made."""
    return message_of(row) or Gap(
        n=row.n, sym=row.k, ts_event=0, tr=row.tr or "?", stream=stream, cause=GapCause.UNREADABLE
    )


def _time(row: RecordedEntry) -> int:
    found = message_of(row)
    return 0 if found is None else found.ts_event
