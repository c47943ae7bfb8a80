"""A symbol's rows of one recorded stream, one after the other."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path

from shared.messages import DecodeError, Message, Stream, decode
from shared.record import NewerWire
from shared.recording.layout import NewerRecording
from shared.recording.part import RecordedEntry, read_rows


class Hole(Exception):
    """Rows that are needed were not recorded; `upto` is the last n of them."""

    def __init__(self, stream: Stream, first: int, upto: int) -> None:
        missing = f"n={first}" if first == upto else f"n={first} to {upto}"
        super().__init__(f"{stream} {missing} not recorded")
        self.stream, self.upto = stream, upto


class Rows:
    """The rows behind n = `after`. `next()` raises Hole where the numbers jump.

    first_n: of the first row that is kept, once one was looked at: what came before was removed, or never recorded.
    """

    def __init__(self, folder: Path, stream: Stream, instance: str, sym: str, after: int) -> None:
        self.stream = stream
        self.last_n = after
        self.first_n = 0
        self._rows = self._behind(read_rows(folder, stream, instance, [sym]), after)
        self._seen: deque[RecordedEntry] = deque()

    def peek(self, further: int = 0) -> RecordedEntry | None:
        """The next row, or one further on; None at the end."""
        while len(self._seen) <= further:
            row = next(self._rows, None)
            if row is None:
                return None
            self._seen.append(row)
        return self._seen[further]

    def next(self) -> RecordedEntry:
        """Take it."""
        row = self.peek()
        assert row is not None
        self.require(row.n - 1)
        self._seen.popleft()
        self.last_n = row.n
        return row

    def require(self, n: int) -> None:
        """Everything up to n must have been taken by now; raises Hole where it was not."""
        if self.last_n < n:
            first, row = self.last_n + 1, self.peek()
            raise Hole(self.stream, first, n if row is None else max(first, row.n - 1))

    def lacks(self, n: int) -> bool:
        """Whether n is not there, though the recorder had it: it noted no hole, and has rows on both sides of it."""
        row = self.peek()
        return row is not None and row.n > n and not row.missing and 0 < self.first_n <= self.last_n

    def leave_out(self, n: int) -> None:
        """Go on as if n had been taken."""
        self.last_n = n

    def left(self) -> int:
        """How many rows are left; takes them all."""
        count = len(self._seen) + sum(1 for _ in self._rows)
        self._seen.clear()
        return count

    def _behind(self, rows: Iterator[RecordedEntry], n: int) -> Iterator[RecordedEntry]:
        for row in rows:
            self.first_n = self.first_n or row.n
            if row.n > n:
                yield row


def message_of(row: RecordedEntry) -> Message | None:
    """What the row says; None where it cannot be read. Raises DataError for a newer Tickline's row."""
    try:
        return decode(row.t, row.d)
    except NewerWire as newer:
        raise NewerRecording(f"the recorded {row.t.partition('/')[0]} n={row.n} of {row.k}", newer) from newer
    except DecodeError:
        return None
