"""The streams have their names here and nowhere else; every message in them has one base."""

from abc import abstractmethod
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field

from shared.record import WIRE, Record


class Stream(StrEnum):
    """A stream has such a name. The bus adds namespace, instance and partition: `tickline:ticks:{ingestor.3}`."""

    TICKS = "ticks"
    FEATURES = "features"
    PREDICTIONS = "predictions"
    DECISIONS = "decisions"
    ORDERS = "orders"
    EXECUTIONS = "executions"
    MONITOR = "monitor"
    DEAD = "dead"


# The largest integers msgpack carries are 64 bit; times in ns fit until the year 2262.
Nanoseconds = Annotated[int, Field(ge=0, lt=2**63)]
Counter = Annotated[int, Field(ge=1, lt=2**63)]
Symbol = Annotated[str, Field(min_length=1, max_length=64)]
Trace = Annotated[str, Field(min_length=1, max_length=160)]
ClientOrderId = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{8,36}$")]


class Message(Record):
    """A message is one entry of a stream.

    - n: its number, which the producer counts from 1 per stream and symbol.
    - ts_event: when the datum was known (a bar: its end), in ns since 1970 UTC.
    - tr: the trace id of the tick to which it goes back (venue, symbol, ts_event, n of the tick).
    """

    STREAM: ClassVar[Stream]
    TAG: ClassVar[str]  # type and wire as they stand on the bus, e.g. `MarketTick/5`
    NOT_DECIDING: ClassVar[frozenset[str]] = frozenset({"n"})

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Names the type on the wire."""
        super().__pydantic_init_subclass__(**kwargs)
        cls.TAG = cls.tag(WIRE)

    @classmethod
    def tag(cls, wire: int) -> str:
        """Returns type and wire as they stand beside the message."""
        return f"{cls.__name__}/{wire}"

    n: Counter
    sym: Symbol
    ts_event: Nanoseconds
    tr: Trace

    @property
    def to(self) -> Stream:
        """Returns the stream of this message."""
        return self.STREAM

    @abstractmethod
    def human(self) -> str:
        """Returns one short line for a person who reads the stream."""

    def content(self) -> dict[str, Any]:
        """Returns the fields by name, without a copy; do not change them."""
        return self.__dict__

    def first_difference(self, other: "Message") -> tuple[str, Any, Any] | None:
        """Returns the first field in which two messages of one type differ, and both values; None where none does.

        Values differ where Python writes them differently, so NaN is NaN. What a message does not hold, since it came
        later and is at its default, counts as that.
        """
        for name in type(self).model_fields:
            own, others = getattr(self, name), getattr(other, name)
            if repr(own) != repr(others):
                return name, own, others
        return None
