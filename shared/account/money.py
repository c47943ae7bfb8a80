"""Money comes in as a Decimal, or as a number that says the same without a loss."""

from decimal import Decimal


def money(value: object, what: str) -> Decimal:
    """Returns the value as a finite Decimal: an int, or a float by the digits that Python shows of it.

    - what: its name, for the error.
    - Raises TypeError for any other type (also numpy's float32, whose digits nobody wrote), ValueError where it is not
      finite.

    >>> money(100.0, "a balance"), money(0.0003, "a fee"), money(5, "a balance")
    (Decimal('100.0'), Decimal('0.0003'), Decimal('5'))
    >>> money("100", "a balance")
    Traceback (most recent call last):
    TypeError: a balance is a Decimal, an int or a float, not str 100: write Decimal("100")
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float):
        raise TypeError(
            f'{what} is a Decimal, an int or a float, not {type(value).__name__} {value}: write Decimal("{value}")'
        )
    found = Decimal(repr(float(value))) if isinstance(value, float) else Decimal(value)  # a numpy float64 is a float
    if not found.is_finite():
        raise ValueError(f"{what} must be finite, not {value}")
    return found
