"""What an order adds and reduces, held against every way in which the orders beside it may be filled."""

from decimal import Decimal
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.risk.check import exposure

small = st.integers(-6, 6)


@given(qty=small.filter(bool), position=small, in_flight=st.lists(small, max_size=3))
def test_the_reducing_part_is_the_most_that_never_adds(qty: int, position: int, in_flight: list[int]) -> None:
    made = exposure(Decimal(qty), Decimal(position), [Decimal(other) for other in in_flight])
    assert made.reduces + made.adds == qty
    before = {position + sum(filled) for filled in product(*[(0, other) for other in in_flight])}
    sign = 1 if qty > 0 else -1
    most = max(size for size in range(abs(qty) + 1) if all(_shrinks(held, sign * size) for held in before))
    assert made.reduces == sign * most
    assert made.worst * sign == max((held + qty) * sign for held in before)


def _shrinks(held: int, qty: int) -> bool:
    """Whether the order brings a position of `held` nearer to zero, at every part of its way."""
    return qty == 0 or (held * qty < 0 and abs(qty) <= abs(held))
