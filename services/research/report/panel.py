"""A chart with what stands around it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Panel:
    """title and caption: for the reader. spec: the chart as Vega-Lite JSON, its data by name in `tables`; None where
    there is nothing to draw, and then `sentence` says why. half: two of them fit side by side on a wide screen.
    """

    name: str
    title: str
    caption: str
    spec: Mapping[str, Any] | None = None
    tables: Mapping[str, Rows] = field(default_factory=dict)
    sentence: str = ""
    half: bool = False


def rows(columns: Mapping[str, Iterable[object]], **same: str) -> Rows:
    """A part of a table: columns of equal length, and what is the same in each row. The page makes rows of it.

    Floats keep seven digits, which is more than can be drawn.

    >>> rows({"t": [1, 2], "y": [0.123456789, 3.0]}, name="legs")
    [{'columns': {'t': [1, 2], 'y': [0.1234568, 3.0]}, 'same': {'name': 'legs'}}]
    """
    return [{"columns": {name: _short(list(values)) for name, values in columns.items()}, "same": same}]


def _short(values: Sequence[object]) -> list[object]:
    return [float(f"{value:.7g}") if isinstance(value, float) else value for value in values]
