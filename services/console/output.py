"""What every verb's `--json` and `--utc` are, and how its answer comes out: one JSON object, or lines for a person."""

import contextlib
import json
import math
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path
from textwrap import wrap
from typing import Annotated, Any, TypeAlias

import typer

from shared.messages import Tensor
from shared.record import Record
from shared.wall_time import LOCAL_TIME, UTC_TIME, WallTime

AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="One JSON object; its times are UTC, its money is text.")
]
InUtc: TypeAlias = Annotated[bool, typer.Option("--utc", help="Times in UTC, not in this machine's zone.")]


def wall_time(utc: bool) -> WallTime:
    """Returns the clock that `--utc` asks for."""
    return UTC_TIME if utc else LOCAL_TIME


def show(lines: Iterable[str]) -> None:
    """Writes lines to standard output; a reader that leaves, e.g. `| head`, ends that without an error."""
    with leaving():
        for line in lines:
            typer.echo(line)


def for_screen(lines: Iterable[str], hang: int) -> Iterator[str]:
    """Yields lines folded at words where a terminal reads them; a pipe or a file gets each in one piece.

    - hang: the column at which an indented line goes on.
    """
    if not sys.stdout.isatty():
        yield from lines
        return
    columns = shutil.get_terminal_size().columns
    for line in lines:
        indent = hang if line.startswith("  ") and columns > 2 * hang else 4
        yield from wrap(
            line, columns, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
        ) or [""]


@contextlib.contextmanager
def leaving() -> Iterator[None]:
    """Lets the reader of standard output leave while it is written to."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:  # at exit Python would flush to it once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def json_text(value: object, *, indent: int | None = 2) -> str:
    """Returns a value as JSON; `indent=None` for one line.

    >>> json_text({"qty": Decimal("0.50"), "y_hat": math.nan}, indent=None)
    '{"qty": "0.50", "y_hat": null}'
    """
    return json.dumps(plain_data(value), indent=indent, ensure_ascii=False)


def plain_data(value: object) -> Any:
    """Returns a value as JSON knows it.

    Records and named tuples become objects, money becomes text with all its digits, a number that is none becomes null.
    """
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Tensor):
        return value.numpy().tolist()
    if isinstance(value, Record):
        return {name: plain_data(one) for name, one in value.__dict__.items()}
    if isinstance(value, Mapping):
        return {str(plain_data(name)): plain_data(one) for name, one in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain_data(one) for name, one in value._asdict().items()}
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [plain_data(one) for one in value]
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
