"""A window's capacity is a whole number of values, at least one."""

from operator import index
from typing import SupportsIndex


def whole(number: "SupportsIndex | float", what: str) -> int:
    """Returns a count as an int: 3, 3.0 and numpy's 3 are the same.

    - what: whose it is, for the error. Raises TypeError for no number, ValueError for a fraction or less than 1.

    >>> whole(3.0, "a window's capacity")
    3
    >>> whole(2.5, "a window's capacity")
    Traceback (most recent call last):
    ValueError: a window's capacity must be a whole number, not 2.5
    """
    if isinstance(number, float):
        if not number.is_integer():
            raise ValueError(f"{what} must be a whole number, not {number}")
        count = int(number)
    else:
        try:
            count = index(number)
        except TypeError as error:
            raise TypeError(f"{what} must be a whole number, not {type(number).__name__} {number!r:.40}") from error
    if count <= 0:
        raise ValueError(f"{what} must be positive, not {number}")
    return count
