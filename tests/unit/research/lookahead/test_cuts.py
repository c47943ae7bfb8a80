"""Where the cuts are."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.research.lookahead.cuts import Change, changed, choose_cuts, write_bars
from shared.history import HistoryBar, bars
from shared.history.bar import bar_of
from shared.history.prices import HIGHEST, LOWEST, text_price
from shared.intervals import interval_ns


def test_cuts_are_drawn_without_repetition_and_the_same_each_time() -> None:
    found = choose_cuts(range(1000), 50)
    assert len(set(found)) == 50
    assert found == sorted(found) == choose_cuts(range(1000), 50)
    assert {0, 250, 500, 750, 999} < set(found)


# Other futures: the past as it was, and a future that a file may hold.

PRICES = st.decimals(LOWEST, HIGHEST, allow_nan=False, places=18)


def bars_of(prices: list[tuple[Decimal, ...]]) -> list[HistoryBar]:
    return [bar_of(n, price, n + 2) for n, price in enumerate(prices)]


@st.composite
def histories(draw: st.DrawFn) -> list[HistoryBar]:
    prices = [sorted(four) for four in draw(st.lists(st.tuples(*[PRICES] * 4), min_size=1, max_size=8))]
    return bars_of([(first, high, low, last) for low, first, last, high in prices])


@given(histories(), st.sampled_from(Change), st.integers(1, 8))
def test_the_past_stays_and_the_future_is_one_that_a_file_may_hold(
    bars: list[HistoryBar], change: Change, cut: int
) -> None:
    found = list(changed(bars, cut, change))
    assert found[:cut] == bars[:cut]
    assert len(found) == (min(cut, len(bars)) if change is Change.REMOVED else len(bars))
    for was, bar in zip(bars, found, strict=False):
        prices = [text_price("price", str(price)) for price in bar[1:5]]
        assert bar_of(was.ts_event, prices, was.row) == bar
    assert list(changed(bars, cut, change)) == found


def test_mirrored_turns_every_later_return_round() -> None:
    bars = bars_of([(Decimal(p), Decimal(p + 5), Decimal(p - 5), Decimal(p + 1)) for p in (100, 110, 90, 95)])
    found = list(changed(bars, 2, Change.MIRRORED))
    level = bars[1].close * bars[1].close
    for was, bar in zip(bars[2:], found[2:], strict=True):
        assert [float(price) for price in bar[1:5]] == pytest.approx(
            [float(level / price) for price in (was.open, was.low, was.high, was.close)]
        )


def test_scaled_moves_every_later_bar_by_its_own_factor() -> None:
    bars = bars_of([(Decimal(100),)] * 50)
    found = list(changed(bars, 10, Change.SCALED))
    assert len({bar.close for bar in found[10:]}) == 40
    assert all(25 <= bar.close <= 400 for bar in found)
    assert all(bar.open is bar.close for bar in found), "a price alone stays one"


# Bars written and read again are the same.


@pytest.mark.parametrize(
    "text",
    [
        "datetime,open,high,low,close\n2024-10-29T00:00:00,2.50,5,1,4\n2024-10-29T12:00:00,4,4,4,4.00\n",
        "datetime,price\n1730160000001,0.000000012\n1730203200001,2\n",
    ],
)
def test_bars_written_and_read_again_are_the_same(tmp_path: Path, text: str) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text(text)
    assert write_bars(two, bars(one, "12h"), interval_ns("12h")) == 2
    was, found = list(bars(one, "12h")), list(bars(two, "12h"))
    assert [str(bar) for bar in found] == [str(bar) for bar in was]
    assert [bar.open is bar.close for bar in found] == [bar.open is bar.close for bar in was]
