"""Market data: a price that was known at a time, or the word that something is missing."""

from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from shared.messages.base import Message, Stream
from shared.messages.reasons import GapCause
from shared.record import BY_VALUE

Price = Annotated[Decimal, Field(gt=0)]


def trace_id(venue: str, sym: str, ts_event: int, n: int) -> str:
    """The trace id of a tick: what every later message of that tick carries.

    >>> trace_id("replay", "BTCUSDT", 1730203200000000000, 1)
    'replay:BTCUSDT:1730203200000000000:1'
    """
    return f"{venue}:{sym}:{ts_event}:{n}"


class MarketTick(Message):
    """One price. For a bar: its close, with `ts_event` the bar's end.

    history: it was older than the age limit when it was committed, or its age is in doubt. Features warm by it, and
    nothing is traded on it. In a replay only where the recording has it.
    """

    STREAM: ClassVar[Stream] = Stream.TICKS
    NOT_DECIDING: ClassVar[frozenset[str]] = Message.NOT_DECIDING | {"history"}  # the clock's word

    venue: str
    price: Price
    history: bool = False

    def human(self) -> str:
        """E.g. `BTCUSDT 71440.1`, or `BTCUSDT 71440.1 history`."""
        return f"{self.sym} {self.price!s} history" if self.history else f"{self.sym} {self.price!s}"


class Gap(Message):
    """Something is missing before this place. Every stage forgets its window and passes this on.

    n counts in the stream `stream`, as any message of that stream does.
    """

    stream: Annotated[Stream, BY_VALUE]
    cause: Annotated[GapCause, BY_VALUE]

    @property
    def to(self) -> Stream:
        """The stream in which something is missing."""
        return self.stream

    def human(self) -> str:
        """E.g. `BTCUSDT GAP MISSED`."""
        return f"{self.sym} GAP {self.cause}"
