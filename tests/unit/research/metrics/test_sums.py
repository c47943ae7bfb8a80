"""Months against a loop over the calendar."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.research.metrics.sums import MonthReturn, Months
from tests.unit.research.metrics.series import PIECE, in_pieces

HOURS = st.lists(st.integers(1, 1_500), min_size=1, max_size=40)
START = datetime(2023, 12, 1, tzinfo=UTC)


@given(HOURS, PIECE)
def test_any_pieces_give_the_months_of_the_whole(hours: list[int], piece: int) -> None:
    times = [START + timedelta(hours=int(after)) for after in np.cumsum(hours)]
    equity, price = 100.0 + np.arange(len(times)), 50.0 - np.arange(len(times)) / 2
    months = Months(80.0)
    ts = np.array([int(at.timestamp()) * 10**9 for at in times])
    in_pieces(months.add, piece, ts, equity, price)

    last: dict[tuple[int, int], int] = {}
    for i, at in enumerate(times):
        inside = at - timedelta(microseconds=1)
        last[inside.year, inside.month] = i
    before = [80.0, *(equity[i] for i in last.values())]
    held = [50.0, *(price[i] for i in last.values())]
    found = months.months()
    assert [(month.year, month.month) for month in found] == list(last)
    assert [month.total for month in found] == pytest.approx(np.divide(before[1:], before[:-1]) - 1)
    assert [month.buy_and_hold for month in found] == pytest.approx(np.divide(held[1:], held[:-1]) - 1)


def test_a_month_that_begins_with_nothing_has_no_return() -> None:
    months = Months(100.0)
    ends = [int(datetime(2024, month, 15, tzinfo=UTC).timestamp()) * 10**9 for month in (1, 2, 3)]
    months.add(np.array(ends), np.array([-5.0, 10.0, 20.0]), np.array([10.0, 11.0, 11.0]))
    assert months.months() == (
        MonthReturn(year=2024, month=1, total=-5 / 100 - 1, buy_and_hold=0.0),
        MonthReturn(year=2024, month=2, total=None, buy_and_hold=11 / 10 - 1),
        MonthReturn(year=2024, month=3, total=1.0, buy_and_hold=0.0),
    )


def test_no_mark_no_month() -> None:
    assert Months(100.0).months() == ()
