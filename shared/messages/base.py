"""The streams by name, each of which stands here and nowhere else, and the base of all messages in them."""

from abc import abstractmethod
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field

from shared.record import WIRE, Record


class Stream(StrEnum):
    """A stream's name. The bus adds namespace, instance and partition: `tickline:ticks:{ingestor.3}`."""

    TICKS = "ticks"
    FEATURES = "features"
    PREDICTIONS = "predictions"
    DECISIONS = "decisions"
    ORDERS = "orders"
    EXECUTIONS = "executions"
    DEAD = "dead"


# The largest integers msgpack carries are 64 bit; times in ns fit until the year 2262.
Nanoseconds = Annotated[int, Field(ge=0, lt=2**63)]
Counter = Annotated[int, Field(ge=1, lt=2**63)]
Symbol = Annotated[str, Field(min_length=1, max_length=64)]
Trace = Annotated[str, Field(min_length=1, max_length=160)]


class Message(Record):
    """One entry of a stream.

    n: its number, counted from 1 per stream and symbol by the producer.
    ts_event: ns since 1970 UTC at which the datum was known (a bar: its end).
    tr: trace id of the tick this goes back to (venue, symbol, ts_event, n of the tick).
    """

    STREAM: ClassVar[Stream]
    TAG: ClassVar[str]  # type and wire as they stand on the bus, e.g. `MarketTick/3`
    NOT_DECIDING: ClassVar[frozenset[str]] = frozenset({"n"})

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Name the type on the wire."""
        super().__pydantic_init_subclass__(**kwargs)
        cls.TAG = cls.tag(WIRE)

    @classmethod
    def tag(cls, wire: int) -> str:
        """Type and wire, as they stand beside the message."""
        return f"{cls.__name__}/{wire}"

    n: Counter
    sym: Symbol
    ts_event: Nanoseconds
    tr: Trace

    @property
    def to(self) -> Stream:
        """The stream this message belongs to."""
        return self.STREAM

    @abstractmethod
    def human(self) -> str:
        """One short line for a person who reads the stream."""

    def content(self) -> dict[str, Any]:
        """The fields by name, without a copy; not to be changed."""
        return self.__dict__
