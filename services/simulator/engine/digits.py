"""Numbers as a venue writes them, made from whole steps without arithmetic on decimals."""

from collections.abc import Callable
from decimal import Decimal


def digits(step: Decimal) -> Callable[[int], str]:
    """A function from a count of steps to the number's text.

    >>> digits(Decimal("0.10"))(420001), digits(Decimal("0.001"))(7), digits(Decimal("5"))(3)
    ('42000.10', '0.007', '15')
    """
    sign, parts, exponent = step.as_tuple()
    assert sign == 0
    assert isinstance(exponent, int)
    unit = int("".join(map(str, parts)))
    places = max(-exponent, 0)
    if places == 0:
        whole = unit * 10**exponent
        return lambda count: str(count * whole)
    scale = 10**places

    def text(count: int) -> str:
        before, behind = divmod(count * unit, scale)
        return f"{before}.{behind:0{places}d}"

    return text
