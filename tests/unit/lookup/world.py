"""A line's streams as they may be left: the bus cut off anywhere, the recorder killed anywhere, its files removed."""

from collections.abc import Sequence
from pathlib import Path

from shared.bus.entry import Entry
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId, partition_of
from shared.config import Settings
from shared.config.recorder import RecorderSettings
from shared.config.settings import BusSettings
from shared.lookup import Lookup
from shared.messages import Message
from shared.messages.base import Stream
from shared.recording.folder import RecordingFolder
from shared.recording.layout import RecordingOrigin, claim
from shared.recording.part import ReceivedEntry
from shared.recording.position import StreamPosition
from shared.runner.progress import producers
from tests.unit.runner.fakes import entry

PARTITIONS = 2
BUS_ID = "first"
BEGIN_MS = 20_000 * 86_400_000


class World:
    """A bus and a recording of one line.

    folder: the recording's. Entries are written `step_ms` apart.
    """

    def __init__(
        self, folder: Path, symbols: Sequence[str] = ("A", "B"), step_ms: int = 1_000, partitions: int = PARTITIONS
    ) -> None:
        self.folder = folder
        self.settings = Settings(
            symbols=tuple(symbols),
            bus=BusSettings(partitions=partitions),
            recorder=RecorderSettings(folder=folder),
        )
        self.bus = MemoryBus(lease_s=30, maxlens={})
        self.bus.meta = {"partitions": str(partitions), "bus_id": BUS_ID}
        self._step_ms = step_ms
        self._written = 0

    def write(self, *messages: Message) -> list[Entry]:
        """Each message on the bus."""
        written = []
        for message in messages:
            self._written += 1
            ms = BEGIN_MS + self._written * self._step_ms
            made = entry(message, ms, w=b"%d" % (ms * 1_000_000))
            written.append(made)
            self.bus.streams.setdefault((str(message.to), self.place(message.to, message.sym)), []).append(made)
        return written

    def record(self, stream: Stream, rows: Sequence[Entry]) -> None:
        """One file of what is new among the rows, by a recorder that has just been started."""
        claim(
            self.folder,
            RecordingOrigin(bus_id=BUS_ID, namespace=self.settings.namespace, partitions=self.settings.bus.partitions),
        )
        folder, new = RecordingFolder(self.folder), list[ReceivedEntry]()
        positions = {place: position.copy() for place, position in folder.positions[stream].items()}
        for row in rows:
            place = self.place(stream, row.k)
            missing = positions.setdefault(place, StreamPosition()).take(stream, row, "run")
            if missing is not None:
                new.append(ReceivedEntry(place, row, missing))
        if new:
            folder.add(stream, new, "run")

    def place(self, stream: Stream, sym: str) -> PartitionId:
        p = 0 if stream is Stream.MONITOR else partition_of(sym, self.settings.bus.partitions)
        return PartitionId(producers(self.settings)[stream], p)

    def lookup(self) -> Lookup:
        return Lookup(self.settings, self.bus)
