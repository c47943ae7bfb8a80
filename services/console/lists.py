"""Options that hold several values, with commas between them."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from shared.errors import ConfigError

T = TypeVar("T")


def words(option: str, text: str, example: str) -> tuple[str, ...]:
    """The values as they are written. Raises ConfigError, which names the option, as all here do.

    >>> words("--interval", "12h, 1d", "12h,1d")
    ('12h', '1d')
    """
    return _each(option, text, _word, f"values with commas between them, e.g. {example}")


def integers(option: str, text: str) -> tuple[int, ...]:
    """Whole numbers."""
    return _each(option, text, int, "whole numbers with commas between them, e.g. 1,3,5")


def floats(option: str, text: str) -> tuple[float, ...]:
    """Numbers.

    >>> floats("--threshold", "0,1e-3")
    (0.0, 0.001)
    """
    return _each(option, text, float, "numbers with commas between them, e.g. 0,0.001")


def decimals(option: str, text: str) -> tuple[Decimal, ...]:
    """Numbers with all their digits."""
    return _each(option, text, Decimal, "numbers with commas between them, e.g. 1,2.5")


def _each(option: str, text: str, kind: Callable[[str], T], what: str) -> tuple[T, ...]:
    try:
        return tuple(kind(part) for part in text.split(","))
    except (ValueError, InvalidOperation) as error:
        raise ConfigError(f"{option} {text!r:.80}: write {what}") from error


def _word(text: str) -> str:
    if not text.strip():
        raise ValueError("empty")
    return text.strip()
