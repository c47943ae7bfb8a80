"""Options that several verbs share, options that hold several values, and the files that options name."""

import contextlib
import json
import time
from collections.abc import Callable, Iterable
from decimal import InvalidOperation
from pathlib import Path
from types import TracebackType
from typing import Annotated, TextIO, TypeAlias, TypeVar

import typer

from shared.errors import ConfigError
from shared.wall_time import WallTime

PriceFile: TypeAlias = Annotated[Path, typer.Option(help="CSV or Parquet file of bars or prices.")]
FileSymbol: TypeAlias = Annotated[str, typer.Option(help="The symbol of the file, e.g. BTCUSDT.")]
FileInterval: TypeAlias = Annotated[
    str | None, typer.Option(help="Time between two bars, e.g. 12h; the file's by default.")
]
Timezone: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Of the file's times without an offset, e.g. Europe/Berlin; bars of whole days are days there. "
        "UTC if none."
    ),
]
StrategyName: TypeAlias = Annotated[str | None, typer.Option(help="The strategy's name, e.g. basic_taker.")]
FillFee: TypeAlias = Annotated[str | None, typer.Option(help="Fee rate of each fill's value, e.g. 0.0003.")]
SlippageBps: TypeAlias = Annotated[
    str | None, typer.Option(help="Basis points that each fill is worse than its price.")
]
MaxSlippageBps: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Basis points from the decision price beyond which an order that adds misses, or none."),
]
ModelClass: TypeAlias = Annotated[
    str, typer.Option("--class", help="The model's class: LinearModel, NonLinearModel or yours, e.g. mine.py:Net.")
]
Seed: TypeAlias = Annotated[int, typer.Option(help="Of the first weights.")]
AccountName: TypeAlias = Annotated[
    str | None, typer.Option("--account", help="Whose, where the config cannot tell it any more.")
]

T = TypeVar("T")


def words(option: str, text: str, example: str) -> tuple[str, ...]:
    """Returns the values as they are written. Raises ConfigError, which names the option, as all here do.

    >>> words("--interval", "12h, 1d", "12h,1d")
    ('12h', '1d')
    """
    return _each(option, text, _word, f"values with commas between them, e.g. {example}")


def integers(option: str, text: str) -> tuple[int, ...]:
    """Returns whole numbers."""
    return _each(option, text, int, "whole numbers with commas between them, e.g. 1,3,5")


def floats(option: str, text: str) -> tuple[float, ...]:
    """Returns numbers.

    >>> floats("--threshold", "0,1e-3")
    (0.0, 0.001)
    """
    return _each(option, text, float, "numbers with commas between them, e.g. 0,0.001")


def instant(option: str, text: str, wall: WallTime, now_ns: int | None = None) -> int:
    """Returns the instant that an option names, ns since 1970; raises ConfigError, which names the option.

    >>> from shared.wall_time import UTC_TIME
    >>> instant("--at", "2025-11-24T12:00:00Z", UTC_TIME)
    1763985600000000000
    """
    try:
        return wall.read(text, time.time_ns() if now_ns is None else now_ns)
    except ValueError as error:
        raise ConfigError(f"{option} {error}") from error


def _each(option: str, text: str, kind: Callable[[str], T], what: str) -> tuple[T, ...]:
    try:
        return tuple(kind(part) for part in text.split(","))
    except (ValueError, InvalidOperation) as error:
        raise ConfigError(f"{option} {text!r:.80}: write {what}") from error


def _word(text: str) -> str:
    if not text.strip():
        raise ValueError("empty")
    return text.strip()


def named_values(option: str, texts: Iterable[str]) -> dict[str, object]:
    """Returns `netting=true` as {"netting": True}; what is not JSON is a text. Raises ConfigError, as above.

    >>> named_values("--param", ["netting=true", "mode=fast"])
    {'netting': True, 'mode': 'fast'}
    """
    return dict(_named_value(option, text) for text in texts)


def _named_value(option: str, text: str) -> tuple[str, object]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise ConfigError(f"{option} {text!r}: write name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


class OutputFile:
    """A file is written beside `path` and takes its place when all went well; what stood there stays until then.

    It is a context manager, and opens at once, so that an option that cannot be met fails before the work: ConfigError,
    which names `option`. What is no regular file, e.g. /dev/stdout, is written directly.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "rows.csv"
    >>> with OutputFile("--csv", path) as file:
    ...     _ = file.write("a")
    ...     path.exists()
    False
    >>> path.read_text()
    'a'
    >>> folder.cleanup()
    """

    def __init__(self, option: str, path: Path) -> None:
        self._path = path
        self._direct = path.exists() and not path.is_file()
        self._written = path if self._direct else path.with_name(f".{path.name}.part")
        self._what = f"{option} {path}: cannot be written"
        try:
            self._file = self._written.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise ConfigError(f"{self._what}: {error.strerror}") from error

    def __enter__(self) -> TextIO:
        return self._file

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._file.close()
            if not self._direct and error is None:
                self._written.replace(self._path)
        except OSError as failed:
            if error is None:
                raise ConfigError(f"{self._what}: {failed.strerror}") from failed
        finally:
            if not self._direct:
                with contextlib.suppress(OSError):
                    self._written.unlink(missing_ok=True)
