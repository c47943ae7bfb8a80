"""Recorded sessions of one symbol, made by the stages themselves, with the inputs in any order."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.gateway.paper import PaperStage
from services.research.parity.comparison import RecordedRows
from services.strategy.stage import StrategyStage
from shared.bus.names import PartitionId
from shared.messages import ExecutionReport, Gap, Message, OrderIntent, Prediction, Stream
from shared.recording.folder import RecordingFolder
from shared.recording.part import ReceivedEntry
from shared.runner.spec import Stage
from shared.strategies import BasicTaker
from tests.unit.recording.entries import FIRST_DAY_MS
from tests.unit.runner.fakes import entry

SYM = "A"
INSTANCE = "any"


def prediction(n: int, **changed: Any) -> Prediction:
    """Long at odd numbers, short at even ones, so that each is traded."""
    fields = {
        "n": n,
        "sym": SYM,
        "ts_event": n,
        "tr": f"t:{SYM}:{n}",
        "tick_n": n,
        "price": Decimal(100 + n),
        "y_hat": 0.1 if n % 2 else -0.1,
        "model": "m",
    }
    return Prediction.model_validate(fields | changed)


def strategy() -> StrategyStage:
    """A fresh book."""
    return StrategyStage(SYM, BasicTaker(), Decimal(100), "book")


class Session:
    """Gives a strategy its inputs and keeps all that would be on the streams. The paper venue fills every order."""

    def __init__(self, stage: Stage | None = None) -> None:
        self.stage = stage or strategy()
        self.written: dict[Stream, list[Message]] = {stream: [] for stream in Stream}
        self.due: list[Message] = []  # reports that did not come yet
        self._venue = PaperStage(Decimal("0.0003"), Decimal(0))

    def predict(self, message: Prediction | Gap, *, seen: bool = True) -> None:
        """A prediction is written, and the strategy takes it, if it sees it."""
        self.written[message.to].append(message)
        if seen:
            self.take(message)

    def take(self, message: Message) -> None:
        """The strategy takes an input."""
        for output in self.stage.on_tick(message) or []:
            self.written[output.to].append(output)
            if isinstance(output, OrderIntent):
                self.due += self._venue.on_tick(output) or []

    def report(self, count: int = 9) -> None:
        """Reports come back and are booked."""
        coming, self.due = self.due[:count], self.due[count:]
        for message in coming:
            assert isinstance(message, ExecutionReport)
            self.written[Stream.EXECUTIONS].append(message)
            self.take(message)

    def record(
        self, folder: Path, without: Sequence[tuple[Stream, int]] = (), *, noted: bool = False
    ) -> dict[Stream, RecordedRows]:
        """The session as a recording; without some rows (stream, n), which the recorder has noted as missing or not."""
        recording = RecordingFolder(folder)
        for stream, messages in self.written.items():
            kept = [message for message in messages if (stream, message.n) not in without]
            gone = [noted and (stream, message.n - 1) in without for message in kept]
            rows = [
                ReceivedEntry(PartitionId(INSTANCE, 0), entry(message, FIRST_DAY_MS + message.n), int(missing))
                for message, missing in zip(kept, gone, strict=True)
            ]
            if rows:
                recording.add(stream, rows, "server")
        return {stream: RecordedRows(folder, stream, INSTANCE, SYM, 0) for stream in Stream}
