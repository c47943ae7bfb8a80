"""One entry of a stream: fields that a person reads in redis-cli beside the msgpack.

    t  type and wire         k  symbol           n  number per stream and symbol
    h  one human line        tr trace id         d  the msgpack        w  wall clock of writing, ns

Content is k, n and d.
"""

from collections.abc import Sequence
from typing import NamedTuple

from shared.messages import Message, encode
from shared.record import WIRE

START = b"0-0"
NAMES = [b"t", b"k", b"n", b"h", b"tr", b"d", b"w"]  # the fields, in the order in which they are written


class EntryId(NamedTuple):
    """An entry's id says when the server wrote it, in ms since 1970, and its number within that ms.

    >>> EntryId.of(b"1730203200000-10") > EntryId.of(b"1730203200000-9")
    True
    """

    ms: int
    number: int

    @classmethod
    def of(cls, text: bytes | str) -> "EntryId":
        """Reads an id as it stands on the bus; where it is only a time, the number is 0."""
        ms, _, number = (text.decode() if isinstance(text, bytes) else text).partition("-")
        return cls(int(ms), int(number or 0))


class Outgoing(NamedTuple):
    """A commit writes an outgoing entry; the order of its fields is that on the wire."""

    stream: str
    t: str
    k: str
    n: int
    h: str
    tr: str
    d: bytes

    @classmethod
    def of(cls, message: Message, wire: int = WIRE) -> "Outgoing":
        """Returns the entry of a message, as `wire` writes it."""
        tag = message.TAG if wire == WIRE else message.tag(wire)
        line, data = message.human(), encode(message, wire)
        return tuple.__new__(cls, (message.to, tag, message.sym, message.n, line, message.tr, data))  # twice as fast


class Entry:
    """An entry was read; its reader keeps marks on it: the message, or why there is none; and `settled`."""

    __slots__ = ("cause", "d", "h", "id", "k", "message", "n", "settled", "t", "tr", "w")

    def __init__(self, entry_id: bytes, fields: Sequence[bytes]) -> None:
        if fields[::2] == NAMES:
            _, t, _, k, _, n, _, h, _, tr, _, d, _, w = fields
        else:
            values = dict(zip(fields[::2], fields[1::2], strict=False))
            t, k, n, h, tr, d, w = (values.get(name, b"") for name in NAMES)
        self.id, self.t, self.h, self.d = entry_id, t, h, d
        self.k = k.decode(errors="replace")
        self.tr = tr.decode(errors="replace")
        self.n = int(n) if n.isdigit() and len(n) < 20 else 0
        self.w = int(w) if w.isdigit() and len(w) < 20 else 0
        self.message: Message | None = None
        self.cause = ""
        self.settled = False

    def __repr__(self) -> str:
        return f"Entry({self.id.decode()} {self.t.decode(errors='replace')} {self.k} n={self.n})"
