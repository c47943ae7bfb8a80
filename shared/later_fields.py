"""A field that came later is neither held nor paid for where it is at its default."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import SchemaValidator

R = TypeVar("R", bound=BaseModel)
Extra: TypeAlias = Literal["forbid", "ignore"]  # what unknown fields get


@dataclass(frozen=True)
class Since:
    """A mark names the wire that brought a field; a field without one was there from the first.

    A record holds such a field only where it is not at its default; who reads the attribute gets the default.
    """

    wire: int


def marks(field: FieldInfo) -> list[int]:
    """Returns the wires that a field is marked with."""
    return [mark.wire for mark in field.metadata if isinstance(mark, Since)]


def defaults_of_later(kind: type[BaseModel]) -> dict[str, Any]:
    """Returns the default of each field that came later."""
    later = {name: field for name, field in kind.model_fields.items() if marks(field)}
    for name, field in later.items():
        if field.is_required() or field.default_factory is not None:
            raise TypeError(f"{kind.__name__}.{name} came later: it needs a default, and not one that is made anew")
    return {name: field.default for name, field in later.items()}


def taking_out(later: Mapping[str, Any]) -> Callable[[dict[str, Any]], int]:
    """Returns the function that takes what is at its default out of a record's fields.

    It returns which of the later ones are left, a bit for each in their order.

    - later: their defaults.

    >>> take_out, fields = taking_out({"by": "", "target": None}), {"n": 1, "by": "", "target": 5}
    >>> take_out(fields), fields
    (2, {'n': 1, 'target': 5})
    """
    values: dict[str, Any] = {"later": later}
    lines = ["def take_out(fields):", "    left = 0"]
    for at, (name, default) in enumerate(later.items()):
        same = f"fields[{name!r}] is None" if default is None else f"fields[{name!r}] == later[{name!r}]"
        lines += [
            f"    if {name!r} in fields:",
            f"        if {same}: del fields[{name!r}]",
            f"        else: left += {1 << at}",
        ]
    exec("\n".join([*lines, "    return left"]), values)  # noqa: S102  (of the class's own field names)
    take_out: Callable[[dict[str, Any]], int] = values["take_out"]
    return take_out


def taken_out(record: R) -> R:
    """Takes later fields at their default out of a record, and returns that very record."""
    type(record).take_out(record.__dict__)  # type: ignore[attr-defined]
    return record


def validating(kind: type[BaseModel], later: Sequence[str]) -> Callable[[dict[str, Any], Extra], Any]:
    """Returns the function that makes a record of fields from outside, at less cost than the class itself.

    Each set of later fields has a validator that knows these alone, so none is put in at its default and taken out
    again. The function may take some out of the fields that it is given.
    """
    take_out: Callable[[dict[str, Any]], int] = kind.take_out  # type: ignore[attr-defined]
    validators = _Validators(kind, later)

    def validated(fields: dict[str, Any], extra: Extra) -> Any:
        return validators[take_out(fields)].validate_python(fields, extra=extra)

    return validated


class _Validators(dict[int, SchemaValidator]):
    """Validators by which of the later fields are there: see `taking_out`."""

    def __init__(self, kind: type[BaseModel], later: Sequence[str]) -> None:
        self._kind, self._later = kind, later

    def __missing__(self, left: int) -> SchemaValidator:
        self._kind.model_rebuild()  # it is built when it is first needed, by one thread at a time
        schema = self._kind.__pydantic_core_schema__
        absent = {name for at, name in enumerate(self._later) if not left >> at & 1}
        made = self[left] = SchemaValidator(_without(schema, absent) if self._later else schema)
        return made


def _without(schema: Any, absent: Container[str]) -> Any:
    """Returns a record's schema without these fields, and without `taken_out`."""
    if schema["type"] == "model-fields":
        return {**schema, "fields": {name: field for name, field in schema["fields"].items() if name not in absent}}
    inner = _without(schema["schema"], absent)
    takes_out = schema["type"] == "function-after" and schema["function"]["function"] is taken_out
    return inner if takes_out else {**schema, "schema": inner}
