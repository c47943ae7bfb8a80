"""Entries in a recording. Its files are found by the numbers that each of them keeps, and only those are opened.

Files come and go while this reads: the recorder writes new ones, and removes the oldest beyond its bounds. A file that
is gone is none; one that is damaged is left out, and said.
"""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.errors import DataError
from shared.lookup.stored import RECORDING, Place, StoredEntry, TimeSpan
from shared.messages import Stream
from shared.recording.layout import NewerRecording, Part, parts
from shared.recording.part import read_positions

LISTED_S = 1.0  # how long a list of files counts: a search looks at many, and what is newer the bus has, too
COLUMNS = ["n", "t", "tr", "d", "w"]


class RecordedEntries:
    """The streams of one line in a recording's folder.

    - instances: each stream's writer.
    - damaged: the files that could not be read, and why.
    """

    origin: Place = RECORDING

    def __init__(self, folder: Path, instances: Mapping[Stream, str]) -> None:
        self.damaged: dict[Path, str] = {}
        self.folder = folder
        self._instances = instances
        self._listed: dict[Stream, tuple[float, list[Part]]] = {}  # when the files were listed, and which there were
        self._last: dict[Path, dict[tuple[str, str], int] | None] = {}  # file -> instance and symbol -> last number

    async def span(self, stream: Stream, sym: str) -> tuple[int, int] | None:
        """Returns the numbers of the first and the last entry; None where there is none."""
        return await asyncio.to_thread(self._span, stream, sym)

    async def entries(self, stream: Stream, sym: str, first: int, last: int) -> list[StoredEntry]:
        """Returns the entries with these numbers, in the order of their numbers, each once; DataError by a newer wire.

        It opens the files between the two numbers only.
        """
        return await asyncio.to_thread(self._entries, stream, sym, first, last)

    async def times(self, stream: Stream, symbols: Sequence[str]) -> TimeSpan | None:
        """Returns when the first and the last entry of the stream were written; None without one."""
        return await asyncio.to_thread(self._times, stream)

    def _times(self, stream: Stream) -> TimeSpan | None:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile

        known = self._parts(stream)
        found: list[int] = []
        for part in dict.fromkeys((*known[:1], *known[-1:])):
            try:
                with ParquetFile(part.path) as file:
                    found += file.read(["w"], use_threads=False).column("w").to_pylist()
            except (ArrowException, OSError, KeyError, ValueError) as error:
                self._note(part, error)
        return TimeSpan(min(found), max(found)) if found else None

    def _span(self, stream: Stream, sym: str) -> tuple[int, int] | None:
        known = self._parts(stream)
        last = self._last_n(known, len(known) - 1, stream, sym)
        i = 0
        while i < len(known):
            if found := self._rows(known[i], stream, sym, 1, last):
                return min(row.n for row in found), last
            i = max(i + 1, self._first_with(known, stream, sym, self._last_n(known, i, stream, sym) + 1))
        return None

    def _entries(self, stream: Stream, sym: str, first: int, last: int) -> list[StoredEntry]:
        known = self._parts(stream)
        found: dict[int, StoredEntry] = {}
        for i in range(self._first_with(known, stream, sym, first), len(known)):
            before = self._last_n(known, i - 1, stream, sym)
            if before >= last:
                break
            if self._last_n(known, i, stream, sym) > before or not i:  # else it has nothing of this symbol
                for row in self._rows(known[i], stream, sym, first, last):
                    found.setdefault(row.n, row)
        return [found[n] for n in sorted(found)]

    def _parts(self, stream: Stream) -> list[Part]:
        listed_s, known = self._listed.get(stream, (float("-inf"), []))
        if time.monotonic() - listed_s > LISTED_S:
            listed_s, known = time.monotonic(), parts(self.folder, stream)
            self._listed[stream] = listed_s, known
        return known

    def _first_with(self, known: list[Part], stream: Stream, sym: str, n: int) -> int:
        """Returns which file is the first at whose end the symbol's number `n` was recorded."""
        return bisect_left(range(len(known)), n, key=lambda i: self._last_n(known, i, stream, sym))

    def _last_n(self, known: list[Part], i: int, stream: Stream, sym: str) -> int:
        """Returns the symbol's last number when a file was written; of one that cannot be read that of the one before.

        0 before the first.
        """
        while i >= 0:
            last = self._positions(known[i])
            if last is not None:
                return last.get((self._instances[stream], sym), 0)
            i -= 1
        return 0

    def _positions(self, part: Part) -> dict[tuple[str, str], int] | None:
        if part.path not in self._last:
            try:
                positions = read_positions(part.path)
            except NewerRecording:
                raise
            except DataError as error:
                self._note(part, error)
                self._last[part.path] = None
            else:
                self._last[part.path] = {
                    (place.instance, name): n
                    for place, position in positions.items()
                    for name, (n, _) in position.last.items()
                }
        return self._last[part.path]

    def _rows(self, part: Part, stream: Stream, sym: str, first: int, last: int) -> list[StoredEntry]:
        from pyarrow import ArrowException, compute
        from pyarrow.parquet import ParquetFile

        try:
            with ParquetFile(part.path) as file:
                table = file.read([*COLUMNS, "instance", "k"], use_threads=False)
        except (ArrowException, OSError, KeyError, ValueError) as error:
            self._note(part, error)
            return []
        for column, text in (("k", sym), ("instance", self._instances[stream])):
            table = table.filter(compute.equal(table.column(column), text))
        cells = [table.column(name).to_pylist() for name in COLUMNS]
        return [
            StoredEntry(n, t, tr, d, w, RECORDING) for n, t, tr, d, w in zip(*cells, strict=True) if first <= n <= last
        ]

    def _note(self, part: Part, error: Exception) -> None:
        if part.path.exists():  # else the recorder has removed it meanwhile
            self.damaged[part.path] = " ".join(str(error).split())[:160]
