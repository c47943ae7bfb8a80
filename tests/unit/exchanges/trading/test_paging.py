"""Paging, over venues in memory that give a window's first or last rows."""

import asyncio
import bisect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import VenueError
from shared.exchanges.profile import TradingFacts
from shared.exchanges.trading.paging import trades
from shared.exchanges.trading.profile import TradingProfile

PAGE = 5
WINDOW_MS = TradingFacts().window_ms


def unlisted(newest_first: bool) -> TradingProfile:
    """An exchange of which nothing is known but how it pages by time."""
    profile = TradingProfile("swap")
    profile.facts = TradingFacts(page=PAGE, newest_first=newest_first)
    return profile


class Shelf:
    """fetch_my_trades of a venue with these trades; newest_first: a full page is the window's last rows."""

    id = "shelf"

    def __init__(self, times: list[int], newest_first: bool) -> None:
        self.rows: list[dict[str, Any]] = [
            {"id": str(number + 95), "timestamp": at_ms} for number, at_ms in enumerate(times)
        ]
        self.newest_first = newest_first
        self.client = self

    async def fetch_my_trades(self, market: str, since_ms: int, limit: int, params: dict[str, Any]) -> list[Any]:
        assert params["until"] - since_ms < WINDOW_MS
        first = bisect.bisect_left(self.rows, since_ms, key=lambda row: row["timestamp"])
        last = bisect.bisect_right(self.rows, params["until"], key=lambda row: row["timestamp"])
        found = self.rows[first:last]
        return found[::-1][:limit] if self.newest_first else found[:limit]

    async def ask(self, call: Any, *given: Any) -> Any:
        return await call(*given)


@pytest.mark.parametrize("newest_first", [False, True])
@given(
    apart=st.lists(st.sampled_from([0, 1, 7, WINDOW_MS // 2, WINDOW_MS * 2]), max_size=40).filter(
        lambda apart: "000" not in "".join("0" if ms == 0 else "1" for ms in apart)
    ),
    since=st.integers(0, 50),
)
def test_each_trade_comes_once_in_order(newest_first: bool, apart: list[int], since: int) -> None:
    times = [100 + sum(apart[:number]) for number in range(len(apart))]
    shelf = Shelf(times, newest_first)
    since_ms = 100 + since
    end_ms = max([*times, since_ms]) + 1
    found = asyncio.run(trades(shelf, unlisted(newest_first), "M", since_ms, end_ms))  # type: ignore[arg-type]
    assert found == [row for row in shelf.rows if row["timestamp"] >= since_ms]


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_millisecond_with_more_than_a_page_is_said_and_never_cut_off(newest_first: bool) -> None:
    shelf = Shelf([100] * (PAGE + 1), newest_first)
    with pytest.raises(VenueError, match="more trades of M in one millisecond than one answer has"):
        asyncio.run(trades(shelf, unlisted(newest_first), "M", 50, 200))  # type: ignore[arg-type]


async def test_trades_of_two_markets_may_have_one_id() -> None:
    """C, P: OKX's tradeId counts the trades of a market, and one question has the account's in all of them."""
    shelf = Shelf([100, 100], newest_first=True)
    for row, market in zip(shelf.rows, ("BTC/USDT:USDT", "ETH/USDT:USDT"), strict=True):
        row |= {"id": "7", "symbol": market}
    found = await trades(shelf, unlisted(True), None, 50, 200)  # type: ignore[arg-type]
    assert sorted(row["symbol"] for row in found) == ["BTC/USDT:USDT", "ETH/USDT:USDT"]
