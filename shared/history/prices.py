"""Prices as files hold them, as Decimals. A ValueError says what is wrong and what to do; its catcher adds the row."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

LOWEST = Decimal("1e-18")
HIGHEST = Decimal("1e18")
MAX_CHARS = 40


def text_price(column: str, text: str) -> Decimal:
    """Returns a price exactly as written; it must be positive and finite.

    >>> text_price("close", "71440.10")
    Decimal('71440.10')
    >>> text_price("close", "-3")
    Traceback (most recent call last):
    ValueError: close '-3' is not above zero: correct or remove the row
    """
    try:
        price = Decimal(text)
        if LOWEST <= price <= HIGHEST and len(text) <= MAX_CHARS and text.isascii() and "_" not in text:
            return price
    except InvalidOperation:  # no number, or NaN, which cannot be compared
        price = None
    raise ValueError(f"{_fault(column, text, price)}: correct or remove the row")


def text_prices(columns: Sequence[str], texts: Sequence[str]) -> list[Decimal]:
    """Returns a row's prices, as `text_price` reads each, at half the cost.

    >>> text_prices(["open", "close"], ["71440.10", "7"])
    [Decimal('71440.10'), Decimal('7')]
    """
    row = "".join(texts)
    if len(row) <= MAX_CHARS and row.isascii() and "_" not in row:
        try:
            prices = list(map(Decimal, texts))
            for price in prices:
                if not LOWEST <= price <= HIGHEST:
                    break
            else:
                return prices
        except InvalidOperation:
            pass  # below it is said what is wrong, and where
    return [text_price(column, text) for column, text in zip(columns, texts, strict=True)]


HIGHEST_AMOUNT = Decimal("1e30")
HIGHEST_RATE = Decimal(10)
HOURS = 24


def text_amount(column: str, text: str) -> Decimal:
    """Returns a quantity exactly as written; it must be finite, and not below zero.

    >>> text_amount("volume", "0.000")
    Decimal('0.000')
    >>> text_amount("volume", "-3")
    Traceback (most recent call last):
    ValueError: volume '-3' is below zero: correct or remove the row
    """
    amount = _number(column, text)
    if amount < 0:
        raise ValueError(f"{column} {text.strip()!r} is below zero: correct or remove the row")
    if amount > HIGHEST_AMOUNT:
        raise ValueError(f"{column} {text.strip()!r} is above {HIGHEST_AMOUNT}: correct or remove the row")
    return amount


def text_count(column: str, text: str) -> int:
    """Returns a number of things.

    >>> text_count("trades", "12.0")
    12
    >>> text_count("trades", "1.5")
    Traceback (most recent call last):
    ValueError: trades '1.5' is no whole number: correct or remove the row
    """
    count = text_amount(column, text)
    if count != int(count):
        raise ValueError(f"{column} {text.strip()!r} is no whole number: correct or remove the row")
    return int(count)


def text_rate(column: str, text: str) -> Decimal:
    """Returns a share, which may be below zero.

    >>> text_rate("funding_rate", "-0.0001")
    Decimal('-0.0001')
    """
    rate = _number(column, text)
    if abs(rate) > HIGHEST_RATE:
        raise ValueError(f"{column} {text.strip()!r} is no share: write 0.0001 for 0.01 %")
    return rate


def text_hours(column: str, text: str) -> int:
    """Returns a number of hours, from 1 to a day.

    >>> text_hours("funding_interval_h", "8")
    8
    """
    hours = text_count(column, text)
    if not 1 <= hours <= HOURS:
        raise ValueError(
            f"{column} {text.strip()!r} is no number of hours from 1 to {HOURS}: correct or remove the row"
        )
    return hours


def _number(column: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
        if number.is_finite() and len(text) <= MAX_CHARS and text.isascii() and "_" not in text:
            return number
    except InvalidOperation:
        number = None
    finite = number is None or number.is_finite()
    what = "is not finite" if not finite else f"is not a number of at most {MAX_CHARS} characters"
    raise ValueError(f"{column} {text.strip()[:MAX_CHARS]!r} {what}: correct or remove the row")


def _fault(column: str, text: str, price: Decimal | None) -> str:
    shown = repr(text.strip()[:MAX_CHARS])
    if not text.strip():
        return f"{column} is missing"
    if text.strip().lstrip("+-").lower() in ("nan", "snan", "inf", "infinity"):
        return f"{column} {shown} is not finite"
    if price is None or "_" in text or not text.isascii():
        return f"{column} {shown} is not a number"
    if price <= 0:
        return f"{column} {shown} is not above zero"
    return f"{column} {shown} is no usable price (from {LOWEST} to {HIGHEST}, at most {MAX_CHARS} characters)"


class DecimalMark:
    """The decimal mark of a file is a comma or a point: with both, a number would be read wrong.

    Only files whose fields are not separated by commas may have commas in their numbers.

    >>> mark = DecimalMark()
    >>> mark.plain("42079,63"), mark.plain("7")
    ('42079.63', '7')
    >>> mark.plain("42.079")
    Traceback (most recent call last):
    ValueError: number '42.079' has a point, but an earlier one has a comma: use one of them for decimals, and no...
    """

    def __init__(self) -> None:
        self._mark = ""

    def plain(self, text: str) -> str:
        """Returns a number as `Decimal` reads it; raises ValueError where it is not certain."""
        comma, point = "," in text, "." in text
        if not comma and not point:
            return text
        if comma and point:
            raise ValueError(f"number {text[:40]!r} has a comma and a point: write it without marks of thousands")
        mark = "," if comma else "."
        if self._mark not in ("", mark):
            names = {",": "comma", ".": "point"}
            raise ValueError(
                f"number {text[:40]!r} has a {names[mark]}, but an earlier one has a {names[self._mark]}: "
                f"use one of them for decimals, and no other mark"
            )
        self._mark = mark
        return text.replace(",", ".")
