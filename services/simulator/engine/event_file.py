"""The fake's memory on disk: one line per event, read again at its next start."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from services.simulator.engine.order import Fill, Order, Part, Payment, State

Event = Order | Fill | Payment


class Setting(NamedTuple):
    """Leverage, margin mode, position mode."""

    key: str
    value: str


KINDS: dict[str, Any] = {"Order": Order, "Fill": Fill, "Payment": Payment, "Setting": Setting}


def _line(event: NamedTuple) -> list[object]:
    return [type(event).__name__, *event]


def _event(row: list[object]) -> NamedTuple:
    name, *rest = row
    kind = KINDS[str(name)]
    fields: dict[str, Any] = dict(zip(kind._fields, rest, strict=False))  # an older file has fewer
    for key, value in fields.items():
        if "Decimal" in str(kind.__annotations__[key]) and value is not None:
            fields[key] = Decimal(str(value))
    if kind is Order:
        fields["parts"] = tuple(Part(at_ms, Decimal(qty)) for at_ms, qty in fields["parts"])
        fields["state"] = State(str(fields["state"]))
    made: NamedTuple = kind(**fields)
    return made


class File:
    """Appends; a line that a kill has cut off is dropped. path None: keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def events(self) -> Iterator[Sequence[NamedTuple]]:
        """What was written, together what was written together."""
        if self._path is None or not self._path.exists():
            return
        whole = self._path.read_bytes()
        kept = whole[: whole.rfind(b"\n") + 1]
        if kept != whole:
            self._path.write_bytes(kept)
        for line in kept.splitlines():
            yield [_event(row) for row in json.loads(line)]

    def write(self, events: Sequence[NamedTuple]) -> None:
        """All of them or, after a kill, none."""
        if self._path is not None:
            with self._path.open("ab") as out:
                out.write(json.dumps([_line(event) for event in events], default=str).encode() + b"\n")
