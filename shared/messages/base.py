"""The base of all wire messages: frozen, strict, versioned."""

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, ParamSpec, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field

from shared.messages.streams import Stream

# The largest integers msgpack carries are 64 bit; times in ns fit until the year 2262.
Nanoseconds = Annotated[int, Field(ge=0, lt=2**63)]
Counter = Annotated[int, Field(ge=1, lt=2**63)]
Symbol = Annotated[str, Field(min_length=1, max_length=64)]
BY_VALUE = Field(strict=False)  # an enum's member is written as its value and read back from it
Trace = Annotated[str, Field(min_length=1, max_length=160)]


class Wire(BaseModel):
    """Frozen and strict: a change is a new object, and nothing is converted in silence."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    if not TYPE_CHECKING:  # as pydantic does, since the type checker would take any attribute then

        def __getattr__(self, name: str) -> Any:
            """What `trusted` left out, for pydantic alone: it asks for these when it compares, copies or shows."""
            if name == "__pydantic_fields_set__":
                return set(type(self).model_fields)
            if name in ("__pydantic_extra__", "__pydantic_private__"):
                return None
            return super().__getattr__(name)


class Message(Wire):
    """One entry of a stream.

    n: its number, counted from 1 per stream and symbol by the producer.
    ts_event: ns since 1970 UTC at which the datum was known (a bar: its end).
    tr: trace id of the tick this goes back to (venue, symbol, ts_event, n of the tick).
    """

    VERSION: ClassVar[int] = 1
    STREAM: ClassVar[Stream]
    TAG: ClassVar[str]  # type and version as they stand on the wire, e.g. `MarketTick/2`

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Name the type on the wire."""
        cls.TAG = f"{cls.__name__}/{cls.VERSION}"

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


P = ParamSpec("P")
W = TypeVar("W")


def trusted(kind: Callable[P, W]) -> Callable[P, W]:
    """The constructor of a message class without validation, for a stage whose values are right by construction.

    It costs a fifth of the validating one, and the type checker sees the same parameters. All fields must be given.
    What comes from outside (wire, config, venue) is always validated.
    """
    cls = cast(Any, kind)
    names, count = set(cls.model_fields), len(cls.model_fields)
    new, put_fields = cls.__new__, BaseModel.__dict__["__dict__"].__set__

    def make(*_: P.args, **fields: P.kwargs) -> W:
        if len(fields) != count:
            raise TypeError(f"{cls.__name__} needs all of {', '.join(sorted(names))}")
        message: W = new(cls)
        put_fields(message, fields)
        return message

    return make
