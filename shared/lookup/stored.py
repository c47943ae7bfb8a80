"""A stored entry lies on the bus or in the recording; both places are read alike, by symbol and number."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from shared.errors import DataError
from shared.messages import DecodeError, Message, Stream, decode
from shared.record import NewerWire

BUS: Literal["bus"] = "bus"
RECORDING: Literal["recording"] = "recording"
Place = Literal["bus", "recording"]


class Found(NamedTuple):
    """A message was found.

    - at_ns: when it was written to the bus, by the writer's clock, in ns since 1970 UTC.
    - origin: where it was found.
    """

    message: Message
    at_ns: int
    origin: Place


class StoredEntry(NamedTuple):
    """An entry as it was found, not decoded yet; the fields are those of `shared/bus/entry.py`."""

    n: int
    t: str
    tr: str
    d: bytes
    at_ns: int
    origin: Place

    def found(self, sym: str) -> Found | None:
        """Returns the message in it; None where there is none that belongs at this place, as after damage.

        Raises DataError where a newer Tickline wrote it.
        """
        try:
            message = decode(self.t, self.d)
        except NewerWire as newer:
            raise DataError(f"{newer}: {newer.remedy}") from newer
        except DecodeError:
            return None
        return Found(message, self.at_ns, self.origin) if (message.sym, message.n) == (sym, self.n) else None


class TimeSpan(NamedTuple):
    """Messages were written in this time, both ends included, in ns since 1970 UTC."""

    since_ns: int
    until_ns: int


class EntryStore(Protocol):
    """A store holds entries of a stream and symbol, numbered upwards; some of them may be missing."""

    origin: Place

    async def span(self, stream: Stream, sym: str) -> tuple[int, int] | None:
        """Returns the numbers of the first and the last entry; None where there is none."""

    async def entries(self, stream: Stream, sym: str, first: int, last: int) -> list[StoredEntry]:
        """Returns the entries with these numbers, both included, in the order of their numbers, each once."""

    async def times(self, stream: Stream, symbols: Sequence[str]) -> TimeSpan | None:
        """Returns when the first and the last of these symbols' entries were written, about; None without one."""
