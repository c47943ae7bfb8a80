"""What is stored or sent has named fields, and each field knows which wire brought it.

One number, the wire, counts the changes of everything that lies on a bus, in a journal or in a recording. This code
knows every wire from FIRST to WIRE. It writes the one that stands on the bus, which is raised when every replica knows
the next; until then the older code can take over again, and read what this one wrote.

To add a field: raise WIRE by one, give the field a default and mark it `Since(WIRE)`. That is all. A record at that
default does not hold the field at all, so nobody writes, reads or pays for what is not there. For any other change (a
new name, another meaning) `upgrade` says how the old fields become the new, and `downgrade` the way back.
"""

from collections.abc import Callable, Collection, Mapping, Sized
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    ParamSpec,
    Self,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from shared.later_fields import Extra, defaults_of_later, marks, taken_out, taking_out, validating

FIRST = 3  # 1 and 2 had lists without names; nobody traded on them
WIRE = 6
WIRE_FIELD = "v"  # beside a snapshot's own fields

BY_VALUE = Field(strict=False)  # an enum's member, or a tuple, is written as its value and read back from it


class NewerWire(Exception):
    """A newer Tickline wrote this. It is no damage: the reader stands by and leaves it to that one."""

    remedy = "run that Tickline here, too"

    def __init__(self, what: str, wire: int) -> None:
        super().__init__(f"{what} was written by a newer Tickline (wire {wire}; this one knows {WIRE})")
        self.what, self.wire = what, wire


R = TypeVar("R", bound="Record")


_BUILDING: "set[type[Record]]" = set()  # a class's own schema is made now


class Record(BaseModel):
    """A record is frozen and strict: a change is a new object, and no value is converted in silence."""

    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    LATER: ClassVar[Mapping[str, int]]  # field -> the wire that brought it, of those that were not there from the first
    validated: ClassVar[Callable[[dict[str, Any], Extra], Any]]  # see `validating`
    take_out: ClassVar[Callable[[dict[str, Any]], int]]  # see `taking_out`
    NOT_DECIDING: ClassVar[frozenset[str]] = frozenset()  # what may differ between two records that say the same
    deciding: ClassVar[Callable[[dict[str, Any]], dict[str, Any]]]  # of fields by name those that decide; see _picked

    if not TYPE_CHECKING:  # as pydantic does, since the type checker would take any attribute then

        def __getattr__(self, name: str) -> Any:
            """What `unvalidated` left out, for pydantic alone: it asks for these when it compares, copies or shows."""
            if name == "__pydantic_fields_set__":
                return set(self.__dict__)
            if name in ("__pydantic_extra__", "__pydantic_private__"):
                return None
            return super().__getattr__(name)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Finds the fields that came later."""
        cls.LATER = {name: wires[-1] for name, field in cls.model_fields.items() if (wires := marks(field))}
        later = defaults_of_later(cls)
        for name, default in later.items():
            setattr(cls, name, default)  # of every record that does not hold the field
        cls.take_out = staticmethod(taking_out(later))
        cls.validated = staticmethod(validating(cls, tuple(later)))
        cls.deciding = staticmethod(_picked(cls))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Lets validation leave out what came later and is at its default."""
        if not defaults_of_later(cls):
            return handler(source)
        if not cls.__pydantic_complete__ and cls not in _BUILDING:
            # First by itself: in another class's schema only the first of two fields of it would take anything out.
            _BUILDING.add(cls)
            try:
                cls.model_rebuild()
            finally:
                _BUILDING.discard(cls)
        return core_schema.no_info_after_validator_function(taken_out, handler(source))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Returns a copy with other values, which are not validated."""
        made = super().model_copy(update=update, deep=deep)
        return taken_out(made) if update and self.LATER else made

    @classmethod
    def upgrade(cls, fields: dict[str, Any], wire: int) -> dict[str, Any]:
        """Returns the fields that `wire` wrote, as WIRE names them; missing ones get their defaults afterwards."""
        return fields

    @classmethod
    def downgrade(cls, fields: dict[str, Any], wire: int) -> dict[str, Any]:
        """Returns the fields as `wire` names them, without those that came later."""
        later = cls.LATER
        return {name: value for name, value in fields.items() if later.get(name, FIRST) <= wire}

    def written(self) -> dict[str, Any]:
        """Returns the fields by name as WIRE writes them, without a copy; do not change them."""
        return self.__dict__


def _picked(kind: type[Record]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Returns the function that picks what decides out of a record's fields, compiled, since every commit calls it."""
    fields = {name: field for name, field in sorted(kind.model_fields.items()) if name not in kind.NOT_DECIDING}
    defaults = {
        name: field.get_default(call_default_factory=True) for name, field in fields.items() if not field.is_required()
    }
    always = [name for name in fields if name not in kind.LATER]
    values: dict[str, Any] = {"defaults": defaults, "always": len(kind.model_fields) - len(kind.LATER)}
    lines = ["def picked(values):", f"    found = {{{', '.join(f'{name!r}: values[{name!r}]' for name in always)}}}"]
    lines += [
        f"    if found[{name!r}] == defaults[{name!r}]: del found[{name!r}]" for name in defaults if name in always
    ]
    if len(always) < len(fields):
        lines += ["    if len(values) > always:"]
        lines += [
            f"        if {name!r} in values: found[{name!r}] = values[{name!r}]"
            for name in fields
            if name in kind.LATER
        ]
    exec("\n".join([*lines, "    return found"]), values)  # noqa: S102  (of the class's own field names)
    picked: Callable[[dict[str, Any]], dict[str, Any]] = values["picked"]
    return picked


class Snapshot(Record):
    """A snapshot holds what a Tick remembers, by name, with its wire beside the fields.

    >>> class Seen(Snapshot):
    ...     count: int
    ...     last: str = ""
    >>> Seen.of({"v": 5, "count": 2})
    Seen(count=2, last='')
    """

    def written(self) -> dict[str, Any]:
        """Returns the fields by name, and the wire."""
        return {WIRE_FIELD: WIRE, **self.__dict__}

    @classmethod
    def of(cls, saved: object) -> Self:
        """Returns the snapshot in what `written` gave, at any wire; raises ValueError or NewerWire."""
        return saved if isinstance(saved, cls) else read_kept(cls, saved)


def read_kept(kind: type[R], saved: object, *, gains_only: bool = False) -> R:
    """Returns the record in a map that has its wire beside the fields; raises ValueError or NewerWire.

    - gains_only: the place only ever gains fields, as a journal does, so the reader drops what a newer Tickline added.
    """
    if not isinstance(saved, dict):
        raise ValueError(f"a {kind.__name__} has named fields; this is {saved!r:.80}")
    fields = dict(saved)
    wire = fields.pop(WIRE_FIELD, None)
    if gains_only and isinstance(wire, int) and wire > WIRE:
        return read_fields(kind, fields, WIRE, extra="ignore")
    return read_fields(kind, fields, checked_wire(wire, f"a {kind.__name__}"))


def checked_wire(wire: object, what: str) -> int:
    """Returns the wire, when this code can read it; raises ValueError for an older or none, NewerWire for a newer."""
    if not isinstance(wire, int) or isinstance(wire, bool) or wire < FIRST:
        raise ValueError(f"{what}: an older Tickline than this one can read wrote it")
    if wire > WIRE:
        raise NewerWire(what, wire)
    return wire


def read_fields(kind: type[R], fields: dict[str, Any], wire: int, *, extra: Extra = "forbid") -> R:
    """Returns the record whose fields `wire` wrote; raises ValueError in one line. extra: what unknown fields get."""
    if wire != WIRE:
        fields = _upgraded(kind, fields, wire)
    try:
        record: R = kind.validated(fields, extra)
        return record
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:60] or "record"
        shown = where if where.isprintable() else ascii(where)  # an unknown field's name is as foreign as its value
        raise ValueError(f"{kind.__name__}.{shown}: {first['msg']:.300}") from error
    except RecursionError as error:
        raise ValueError(f"{kind.__name__}: nested too deep") from error


def _upgraded(kind: type[Record], fields: dict[str, Any], wire: int) -> dict[str, Any]:
    """Returns the fields, and those of the records in them, as WIRE names them."""
    made = kind.upgrade(dict(fields), wire)
    for name, field in kind.model_fields.items():
        if name in made:
            made[name] = _upgraded_value(field.annotation, made[name], wire)
    return made


def _upgraded_value(annotation: Any, value: Any, wire: int) -> Any:
    kind = _record_in(annotation)
    if kind is not None:
        return _upgraded(kind, value, wire) if isinstance(value, dict) else value
    if isinstance(value, list | tuple):
        return [_upgraded_value(each, part, wire) for each, part in zip(_parts(annotation, value), value, strict=True)]
    if isinstance(value, dict):
        each = _parts(annotation, value)[-1] if value else None
        return {key: _upgraded_value(each, part, wire) for key, part in value.items()}
    return value


def at_wire(value: Any, wire: int, annotation: Any = None) -> Any:
    """Returns a record, a map of `fields_of`, or what holds some, as an older wire writes it.

    - annotation: the type of the field that holds the value; it tells the record of a map without a wire of its own.
    """
    kind = _kind_of(value, annotation)
    if kind is not None:
        fields = value.__dict__ if isinstance(value, Record) else value
        older = {
            name: at_wire(fields[name], wire, field.annotation)
            for name, field in kind.model_fields.items()
            if name in fields
        }
        head = {WIRE_FIELD: wire} if issubclass(kind, Snapshot) else {}
        return {**head, **kind.downgrade(older, wire)}
    if isinstance(value, list | tuple):
        return [at_wire(part, wire, each) for each, part in zip(_parts(annotation, value), value, strict=True)]
    if isinstance(value, dict):
        each = _parts(annotation, value)[-1] if value else None
        return {key: at_wire(part, wire, each) for key, part in value.items()}
    return value


def _kind_of(value: Any, annotation: Any) -> type[Record] | None:
    if isinstance(value, Record):
        return type(value)
    if not isinstance(value, dict):
        return None
    wire = value.get(WIRE_FIELD)
    return wire.kind if isinstance(wire, WireOf) else _record_in(annotation)


def _plain(annotation: Any) -> Any:
    """Returns the type inside an Annotated, or inside one that may also be None."""
    while get_origin(annotation) in (Annotated, Union, UnionType):
        annotation = next(each for each in get_args(annotation) if each is not type(None))
    return annotation


def _record_in(annotation: Any) -> type[Record] | None:
    found = _plain(annotation)
    return found if isinstance(found, type) and issubclass(found, Record) else None


def _parts(annotation: Any, values: Sized) -> list[Any]:
    """Returns a type for each value of a list, a tuple or a map; None where nothing tells it."""
    found = _plain(annotation)
    inner = get_args(found)
    if get_origin(found) is tuple and ... not in inner and len(inner) == len(values):
        return list(inner)
    last = next((each for each in reversed(inner) if each is not ...), None)
    return [last] * len(values)


P = ParamSpec("P")
W = TypeVar("W")


def unvalidated(kind: Callable[P, W], *, always: Collection[str] = ()) -> Callable[P, W]:
    """Returns a constructor of a record without validation, for values that are right by construction.

    It costs a fifth of the validating one, and the type checker sees the same parameters. It needs all fields but those
    that came later. Data from outside (wire, config, venue) always go through validation.

    - always: later fields that every call gives, and never at their default; then they cost no more than others.
    """
    cls = cast(Any, kind)
    names, take_out = set(cls.model_fields), cls.take_out
    needed = len(names) - len(cls.LATER)
    count = needed + len(always)
    new, put_fields = cls.__new__, BaseModel.__dict__["__dict__"].__set__

    def make(*_: P.args, **fields: P.kwargs) -> W:
        if len(fields) != count:
            held = take_out(fields).bit_count()
            if len(fields) - held != needed:
                raise TypeError(f"{cls.__name__} needs all of {', '.join(sorted(names - cls.LATER.keys()))}")
        record: W = new(cls)
        put_fields(record, fields)
        return record

    return make


class WireOf(int):
    """The wire in a snapshot's fields knows their record, which an older wire needs."""

    kind: type[Record]


def fields_of(kind: Callable[P, W]) -> Callable[P, W]:
    """Returns a function that makes the map which a record of its arguments would write at WIRE, without the record.

    It is for what every commit writes and only a restart reads: the map costs a fifth of the record and its fields. It
    needs all fields. The type checker takes the map for the record, so it can stand where another record holds one.

    >>> class Seen(Snapshot):
    ...     count: int
    >>> fields_of(Seen)(count=2) == Seen(count=2).written()
    True
    """
    cls = cast(Any, kind)
    names, head = list(cls.model_fields), ""
    values: dict[str, Any] = {}
    if issubclass(cls, Snapshot):
        values["wire"] = wire = WireOf(WIRE)
        wire.kind = cls
        head = f"'{WIRE_FIELD}': wire, "
    fields = ", ".join(f"{name!r}: {name}" for name in names)
    exec(f"def give(*, {', '.join(names)}): return {{{head}{fields}}}", values)  # noqa: S102  (likewise)
    give: Callable[P, W] = values["give"]
    return give
