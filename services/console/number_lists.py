"""Options that hold several values, with commas between them."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from shared.errors import ConfigError

T = TypeVar("T")


def words(text: str) -> tuple[str, ...]:
    """The values as they are written.

    >>> words("12h, 1d"), words("")
    (('12h', '1d'), ())
    """
    return tuple(word.strip() for word in text.split(",")) if text.strip() else ()


def integers(option: str, text: str) -> tuple[int, ...]:
    """Whole numbers; raises ConfigError, which names the option, as those below do."""
    return _each(option, text, int, "1,3,5")


def floats(option: str, text: str) -> tuple[float, ...]:
    """Numbers.

    >>> floats("--threshold", "0,1e-3")
    (0.0, 0.001)
    """
    return _each(option, text, float, "0,0.001")


def decimals(option: str, text: str) -> tuple[Decimal, ...]:
    """Numbers with all their digits."""
    return _each(option, text, Decimal, "1,2.5")


def _each(option: str, text: str, kind: Callable[[str], T], example: str) -> tuple[T, ...]:
    try:
        return tuple(kind(word) for word in words(text))
    except (ValueError, InvalidOperation) as error:
        raise ConfigError(f"{option} {text!r:.80}: write numbers with commas between them, e.g. {example}") from error
