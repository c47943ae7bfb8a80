"""Prices that travel keep their digits."""

import pickle
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.research.sweep.prices import Prices
from tests.unit.research.train.market import HOUR_NS, hourly

PRICE = st.decimals("1e-18", "1e18", allow_nan=False, allow_infinity=False)


@given(st.lists(PRICE, max_size=20), st.integers(0, 25))
def test_there_and_back(prices: list[Decimal], first: int) -> None:
    found: Prices = pickle.loads(pickle.dumps(Prices.of("1h", hourly(prices))))
    bars = list(found.bars(first))
    assert [(bar.ts_event, str(bar.close)) for bar in bars] == [
        ((at + 1) * HOUR_NS, str(price)) for at, price in enumerate(prices)
    ][first:]
    assert [close.price for close in found.closes()] == [float(price) for price in prices]


def test_until_a_time_is_without_that_time() -> None:
    found = Prices.of("1h", hourly([Decimal(1), Decimal(2), Decimal(3)]))
    assert [len(found.until(ts)) for ts in (0, HOUR_NS, HOUR_NS + 1, 3 * HOUR_NS, 9 * HOUR_NS)] == [0, 0, 1, 2, 3]
