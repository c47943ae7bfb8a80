"""Market data are prices that were known at a time; a gap says that something is missing."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import Field

from shared.later_fields import Since
from shared.messages.base import Message, Stream
from shared.messages.reasons import GapCause
from shared.record import BY_VALUE, Record

Price = Annotated[Decimal, Field(gt=0)]
Positive = Annotated[float, Field(gt=0)]


def trace_id(venue: str, sym: str, ts_event: int, n: int) -> str:
    """Returns the trace id of a tick, which every later message of that tick carries.

    >>> trace_id("replay", "BTCUSDT", 1730203200000000000, 1)
    'replay:BTCUSDT:1730203200000000000:1'
    """
    return f"{venue}:{sym}:{ts_event}:{n}"


class TickTrace(NamedTuple):
    """A tick's trace id tells these of it.

    >>> TickTrace.of("replay:BTC/USDT:USDT:1730203200000000000:17")
    TickTrace(sym='BTC/USDT:USDT', ts_event=1730203200000000000, n=17)
    >>> TickTrace.of("halt:BTCUSDT:1730203200000")
    """

    sym: str
    ts_event: int
    n: int

    @classmethod
    def of(cls, tr: str) -> "TickTrace | None":
        """Reads a trace id; None for one of what is no tick's, e.g. a funding payment's."""
        sym, *numbers = tr.partition(":")[2].rsplit(":", 2)
        if sym and len(numbers) == 2 and all(number.isascii() and number.isdigit() for number in numbers):
            return cls(sym, int(numbers[0]), int(numbers[1]))
        return None


class Group(StrEnum):
    """A group of fields comes as a whole or not at all, from one source for history and live alike.

    Every tick has a price; the groups are what a model or a strategy may need beside it.
    """

    BAR = "bar"
    QUOTE = "quote"
    FUNDING = "funding"


# Of the bar group's fields those that not every source tells.
OPTIONAL_FIELDS = frozenset({"quote_volume", "trades", "taker_volume"})
Amount = Annotated[float, Field(ge=0)]


class BarGroup(Record):
    """The bar group has what an exchange says of a whole bar; its close is the tick's price.

    - volume, taker_volume: base units; taker_volume is what takers bought. quote_volume: quote units.
    - trades: how many there were.
    - The last three are None where the source does not tell, and volume where nobody needs more than the prices.
    """

    open: Positive
    high: Positive
    low: Positive
    volume: Amount | None
    quote_volume: Annotated[Amount | None, Since(4)] = None
    trades: Annotated[Annotated[int, Field(ge=0)] | None, Since(4)] = None
    taker_volume: Annotated[Amount | None, Since(4)] = None


def groups_at(fields: dict[str, Any], wire: int) -> dict[str, Any]:
    """Returns a message's fields without a bar that a reader of `wire` does not know: before 5 each had a volume."""
    bar = fields.get("bar")
    return {**fields, "bar": None} if wire < 5 and bar is not None and bar["volume"] is None else fields


class QuoteGroup(Record):
    """The quote group has the best bid and ask, and how much lies there in base units."""

    bid: Positive
    ask: Positive
    bid_qty: Amount
    ask_qty: Amount


class FundingGroup(Record):
    """The funding group has the rate of a perpetual swap that was known last, as a share; > 0: longs pay.

    - interval_h: the rate is one for so many hours; None where nobody tells.
    """

    rate: float
    interval_h: Annotated[Annotated[int, Field(ge=1)] | None, Since(5)] = None


class MarketTick(Message):
    """A tick is one price; of a bar its close, with the bar's end as `ts_event`.

    - bar, quote, funding: the groups that its source gives beside the price.
    - history: the tick was older than the age limit when it was committed, or its age is in doubt. Features warm by it,
      and no strategy trades on it. A replay sets it only where the recording has it.
    """

    STREAM: ClassVar[Stream] = Stream.TICKS
    NOT_DECIDING: ClassVar[frozenset[str]] = Message.NOT_DECIDING | {"history"}  # the clock's word

    venue: str
    price: Price
    history: bool = False
    bar: Annotated[BarGroup | None, Since(4)] = None
    quote: Annotated[QuoteGroup | None, Since(4)] = None
    funding: Annotated[FundingGroup | None, Since(4)] = None

    @classmethod
    def downgrade(cls, fields: dict[str, Any], wire: int) -> dict[str, Any]:
        """Returns the fields as `wire` names them."""
        return groups_at(super().downgrade(fields, wire), wire)

    def human(self) -> str:
        """Returns e.g. `BTCUSDT 71440.1`, or `BTCUSDT 71440.1 history`."""
        return f"{self.sym} {self.price!s} history" if self.history else f"{self.sym} {self.price!s}"


class Gap(Message):
    """A gap says that something is missing before it. Every stage forgets its window and passes the gap on.

    n counts in the stream `stream`, like that of any message there.
    """

    stream: Annotated[Stream, BY_VALUE]
    cause: Annotated[GapCause, BY_VALUE]

    @property
    def to(self) -> Stream:
        """Returns the stream in which something is missing."""
        return self.stream

    def human(self) -> str:
        """Returns e.g. `BTCUSDT GAP MISSED`."""
        return f"{self.sym} GAP {self.cause}"
