"""A position says how far a stream of one partition was recorded, and so whether an entry is new."""

from dataclasses import dataclass, field

from shared.bus.entry import START, Entry, EntryId
from shared.messages import DecodeError, Stream, decode
from shared.record import Record, unvalidated

ALL = ""  # dead letters are numbered per partition, not per symbol
MAX_N = 2**63 - 1


class SavedLast(Record):
    """A symbol's last entry has this number and trace id."""

    n: int
    tr: str


class SavedPosition(Record):
    """A StreamPosition as a part keeps it."""

    run_id: str
    cursor: bytes
    last: dict[str, SavedLast]


_last, _position = unvalidated(SavedLast), unvalidated(SavedPosition)


@dataclass
class StreamPosition:
    """The position takes a stream's entries one by one and says of each whether it is new.

    - run_id: the server whose entry ids `cursor` counts in.
    - cursor: the id of the last entry that was recorded.
    - last: symbol -> number and trace id of its last entry.

    >>> position = StreamPosition()
    >>> def entry(entry_id, n):
    ...     return Entry(entry_id, (b"k", b"BTCUSDT", b"n", n, b"tr", n))
    >>> [position.take(Stream.TICKS, entry(*each), "a") for each in ((b"1-0", b"1"), (b"2-0", b"1"), (b"3-0", b"2"))]
    [0, None, 0]
    """

    run_id: str = ""
    cursor: bytes = START
    last: dict[str, tuple[int, str]] = field(default_factory=dict)

    def behind(self, run_id: str) -> bytes:
        """Returns where to read on: from the start of another server, which may have lost what was read."""
        return self.cursor if self.run_id == run_id else START

    def take(self, stream: Stream, entry: Entry, run_id: str) -> int | None:
        """Returns how many entries are missing before this one; None: it was recorded before, and nothing changes.

        An entry whose number cannot be believed, which no part of the line writes, is new when its id is. Raises
        NewerWire where that is asked of a message that a newer Tickline wrote.
        """
        name, missing = self.name(stream, entry), 0
        last_n = self.last.get(name, (0, ""))[0]
        if (entry.k or stream is Stream.DEAD) and 0 < entry.n <= last_n:
            return None
        if _numbered(stream, entry, last_n):
            missing = entry.n - last_n - 1
            self.last[name] = (entry.n, entry.tr)
        elif EntryId.of(entry.id) <= EntryId.of(self.cursor):
            return None
        self.run_id, self.cursor = run_id, entry.id
        return missing

    def repeats(self, stream: Stream, entry: Entry) -> bool:
        """Returns whether the entry has the number that was recorded last: it should then be the same entry."""
        return 0 < entry.n == self.last.get(self.name(stream, entry), (0, ""))[0]

    @staticmethod
    def name(stream: Stream, entry: Entry) -> str:
        """Returns what the entry's number counts in: its symbol, or all dead letters of a partition."""
        return ALL if stream is Stream.DEAD else entry.k

    def copy(self) -> "StreamPosition":
        """Returns a position that changes by itself."""
        return StreamPosition(self.run_id, self.cursor, dict(self.last))

    def dump(self) -> SavedPosition:
        """Returns the position as a part keeps it."""
        last = {name: _last(n=n, tr=tr) for name, (n, tr) in self.last.items()}
        return _position(run_id=self.run_id, cursor=self.cursor, last=last)

    @classmethod
    def of(cls, saved: SavedPosition) -> "StreamPosition":
        """Returns the position that `dump` gave."""
        return cls(saved.run_id, saved.cursor, {name: (x.n, x.tr) for name, x in saved.last.items()})


def _numbered(stream: Stream, entry: Entry, last_n: int) -> bool:
    """Whether the entry's n counts. A jump is believed only where the message inside says the same."""
    if not 0 < entry.n <= MAX_N or not (entry.k or stream is Stream.DEAD):
        return False
    if entry.n == last_n + 1 or stream is Stream.DEAD:
        return True
    try:
        message = decode(entry.t, entry.d)
    except DecodeError:
        return False
    return message.sym == entry.k and message.n == entry.n
