"""What is stored or sent: named fields, and which version of the wire brought them.

One number, the wire, counts the changes of everything that lies on a bus, in a journal or in a recording. This code
knows every wire from FIRST to WIRE. It writes the one that stands on the bus, which is raised when every replica knows
the next; until then the older code can take over again, and read what this one wrote.

To add a field: raise WIRE by one, give the field a default and mark it `Since(WIRE)`. That is all. For any other change
(a new name, another meaning) `upgrade` says how the old fields become the new, and `downgrade` the way back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    ParamSpec,
    Self,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FIRST = 3  # 1 and 2 had lists without names; nobody traded on them
WIRE = 3
WIRE_FIELD = "v"  # beside a snapshot's own fields

BY_VALUE = Field(strict=False)  # an enum's member, or a tuple, is written as its value and read back from it


@dataclass(frozen=True)
class Since:
    """The wire that brought a field. A field without one was there from the first."""

    wire: int


class NewerWire(Exception):
    """A newer Tickline wrote this. It is no damage: whoever reads it stands by and leaves it to that one."""

    def __init__(self, what: str, wire: int) -> None:
        super().__init__(f"{what} was written by a newer Tickline (wire {wire}; this one knows {WIRE})")
        self.what, self.wire = what, wire


class Record(BaseModel):
    """Frozen and strict: a change is a new object, and nothing is converted in silence."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    LATER: ClassVar[Mapping[str, int]]  # field -> the wire that brought it, of those that were not there from the first

    if not TYPE_CHECKING:  # as pydantic does, since the type checker would take any attribute then

        def __getattr__(self, name: str) -> Any:
            """What `unvalidated` left out, for pydantic alone: it asks for these when it compares, copies or shows."""
            if name == "__pydantic_fields_set__":
                return set(type(self).model_fields)
            if name in ("__pydantic_extra__", "__pydantic_private__"):
                return None
            return super().__getattr__(name)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Find the fields that came later."""
        marks = {name: [mark.wire for mark in field.metadata if isinstance(mark, Since)]
                 for name, field in cls.model_fields.items()}  # fmt: skip
        cls.LATER = {name: wires[-1] for name, wires in marks.items() if wires}
        for name in cls.LATER:
            if cls.model_fields[name].is_required():
                raise TypeError(f"{cls.__name__}.{name} came later: it needs a default")

    @classmethod
    def upgrade(cls, fields: dict[str, Any], wire: int) -> dict[str, Any]:
        """The fields that `wire` wrote, as WIRE names them. What is missing gets its default afterwards."""
        return fields

    @classmethod
    def downgrade(cls, fields: dict[str, Any], wire: int) -> dict[str, Any]:
        """The fields as `wire` names them: what came later is left out."""
        later = cls.LATER
        return {name: value for name, value in fields.items() if later.get(name, FIRST) <= wire}

    def written(self, wire: int = WIRE) -> dict[str, Any]:
        """The fields by name as `wire` writes them; at WIRE without a copy, and not to be changed."""
        return self.__dict__ if wire == WIRE else self.downgrade(self.__dict__, wire)


class Snapshot(Record):
    """What a Tick remembers, by name. Its wire stands beside the fields.

    >>> class Seen(Snapshot):
    ...     count: int
    ...     last: str = ""
    >>> Seen.of({"v": 3, "count": 2})
    Seen(count=2, last='')
    """

    def written(self, wire: int = WIRE) -> dict[str, Any]:
        """The fields by name, and the wire."""
        fields = self.__dict__ if wire == WIRE else self.downgrade(self.__dict__, wire)
        return {WIRE_FIELD: wire, **fields}

    @classmethod
    def of(cls, saved: object) -> Self:
        """The snapshot in what `written` gave, at any wire, or the snapshot itself; raises ValueError or NewerWire."""
        return saved if isinstance(saved, cls) else read_kept(cls, saved)


R = TypeVar("R", bound=Record)


def read_kept(kind: type[R], saved: object, *, gains_only: bool = False) -> R:
    """The record in a map that has its wire beside the fields; raises ValueError or NewerWire.

    gains_only: where it lies only ever gains fields, as a journal does: what a newer Tickline added is left out.
    """
    if not isinstance(saved, dict):
        raise ValueError(f"a {kind.__name__} has named fields; this is {saved!r:.80}")
    fields = dict(saved)
    wire = fields.pop(WIRE_FIELD, None)
    if gains_only and isinstance(wire, int) and wire > WIRE:
        return read_fields(kind, fields, WIRE, extra="ignore")
    return read_fields(kind, fields, checked_wire(wire, f"a {kind.__name__}"))


def checked_wire(wire: object, what: str) -> int:
    """The wire, when this code can read it; raises ValueError for an older or none, NewerWire for a newer."""
    if not isinstance(wire, int) or isinstance(wire, bool) or wire < FIRST:
        raise ValueError(f"{what}: an older Tickline than this one can read wrote it")
    if wire > WIRE:
        raise NewerWire(what, wire)
    return wire


def read_fields(
    kind: type[R], fields: dict[str, Any], wire: int, *, extra: Literal["forbid", "ignore"] = "forbid"
) -> R:
    """The record whose fields `wire` wrote; raises ValueError in one line. extra: of fields that are unknown here."""
    if wire != WIRE:
        fields = _upgraded(kind, fields, wire)
    try:
        return cast(R, kind.__pydantic_validator__.validate_python(fields, extra=extra))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:60] or "record"
        shown = where if where.isprintable() else ascii(where)  # an unknown field's name is as foreign as its value
        raise ValueError(f"{kind.__name__}.{shown}: {first['msg']}") from error
    except RecursionError as error:
        raise ValueError(f"{kind.__name__}: nested too deep") from error


def _upgraded(kind: type[Record], fields: dict[str, Any], wire: int) -> dict[str, Any]:
    """The fields, and those of the records in them, as WIRE names them."""
    made = kind.upgrade(dict(fields), wire)
    for name, field in kind.model_fields.items():
        if name in made:
            made[name] = _upgraded_value(field.annotation, made[name], wire)
    return made


def _upgraded_value(annotation: Any, value: Any, wire: int) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return _upgraded(annotation, value, wire) if isinstance(value, dict) else value
    origin, inner = get_origin(annotation), [each for each in get_args(annotation) if each is not type(None)]
    if origin in (Annotated, Union, UnionType):
        return _upgraded_value(inner[0], value, wire)
    if not inner:
        return value
    if isinstance(value, list | tuple):
        kinds = inner if origin is tuple and ... not in inner else [inner[0]] * len(value)
        if len(kinds) == len(value):
            return [_upgraded_value(kind, each, wire) for kind, each in zip(kinds, value, strict=True)]
    if isinstance(value, dict):
        return {key: _upgraded_value(inner[-1], each, wire) for key, each in value.items()}
    return value


P = ParamSpec("P")
W = TypeVar("W")


def unvalidated(kind: Callable[P, W]) -> Callable[P, W]:
    """The constructor of a record without validation, where the values are right by construction.

    It costs a fifth of the validating one, and the type checker sees the same parameters. All fields must be given.
    What comes from outside (wire, config, venue) is always validated.
    """
    cls = cast(Any, kind)
    names, count = set(cls.model_fields), len(cls.model_fields)
    new, put_fields = cls.__new__, BaseModel.__dict__["__dict__"].__set__

    def make(*_: P.args, **fields: P.kwargs) -> W:
        if len(fields) != count:
            raise TypeError(f"{cls.__name__} needs all of {', '.join(sorted(names))}")
        record: W = new(cls)
        put_fields(record, fields)
        return record

    return make
