"""How far a stream of one partition was recorded: what tells a new entry from one that was seen."""

from dataclasses import dataclass, field

from shared.bus.entry import START, Entry
from shared.messages import DecodeError, Stream, decode
from shared.record import Record, unvalidated

ALL = ""  # dead letters are numbered per partition, not per symbol
MAX_N = 2**63 - 1


class SavedLast(Record):
    """Of one symbol: what was recorded last."""

    n: int
    tr: str


class SavedPosition(Record):
    """A StreamPosition as it is kept in a part."""

    run_id: str
    cursor: bytes
    last: dict[str, SavedLast]


_last, _position = unvalidated(SavedLast), unvalidated(SavedPosition)


@dataclass
class StreamPosition:
    """run_id: the server whose entry ids `cursor` counts in. last: symbol -> (n, trace id) recorded last.

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
        """Where to read on: another server may have lost what was read, so there from the start."""
        return self.cursor if self.run_id == run_id else START

    def take(self, stream: Stream, entry: Entry, run_id: str) -> int | None:
        """How many entries are missing before this one; None: it was recorded before, and nothing changes.

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
        elif _order(entry.id) <= _order(self.cursor):
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
        """One that changes by itself."""
        return StreamPosition(self.run_id, self.cursor, dict(self.last))

    def dump(self) -> SavedPosition:
        """As it is kept in a part."""
        last = {name: _last(n=n, tr=tr) for name, (n, tr) in self.last.items()}
        return _position(run_id=self.run_id, cursor=self.cursor, last=last)

    @classmethod
    def of(cls, saved: SavedPosition) -> "StreamPosition":
        """What `dump` gave."""
        return cls(saved.run_id, saved.cursor, {name: (x.n, x.tr) for name, x in saved.last.items()})


def _numbered(stream: Stream, entry: Entry, last_n: int) -> bool:
    """Whether n counts. A jump is believed only where the message says the same."""
    if not 0 < entry.n <= MAX_N or not (entry.k or stream is Stream.DEAD):
        return False
    if entry.n == last_n + 1 or stream is Stream.DEAD:
        return True
    try:
        message = decode(entry.t, entry.d)
    except DecodeError:
        return False
    return message.sym == entry.k and message.n == entry.n


def _order(entry_id: bytes) -> tuple[int, int]:
    ms, _, number = entry_id.partition(b"-")
    return int(ms), int(number or b"0")
