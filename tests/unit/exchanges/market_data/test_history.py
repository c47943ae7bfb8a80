"""What was missed, fetched page by page; and whether the answer is known to hold all there is."""

from decimal import Decimal
from typing import Any

import pytest

from shared.errors import VenueError
from shared.exchanges.binance.profile import MARKET_DATA as BINANCE
from shared.exchanges.market_data import history
from shared.exchanges.market_data.events import Bars, ClosedBar, Missing, Page
from shared.exchanges.market_data.history import Budget
from shared.exchanges.okx.profile import MARKET_DATA as OKX
from shared.exchanges.profile import MarketDataProfile

MS = 1_000_000

UNLISTED = MarketDataProfile()


class Venue:
    """A venue's history; as an Asker, and as the client that it asks. newest: since is not obeyed, as on some."""

    def __init__(self, times: list[int], cap: int, newest: bool = False) -> None:
        self.client, self.asked = self, 0
        self.id, self.timeframes = "venue", {"1s": "1s", "1m": "1m"}
        self._rows = [{"id": str(at), "timestamp": ms, "price": "1", "amount": "1"} for at, ms in enumerate(times)]
        self._cap, self._newest = cap, newest
        self.fetch_trades, self.fetch_ohlcv = self._trades, self._bars

    def market(self, market: str) -> dict[str, Any]:
        """As ccxt's."""
        return {"id": market}

    async def ask(self, call: Any, *given: Any) -> Any:
        """As Asker.ask."""
        self.asked += 1
        return call(*given)

    async def again(self, attempt: int) -> bool:
        """As Asker.again."""
        return attempt < 4

    def _trades(self, market: str, since: int | None, limit: int, params: dict[str, int]) -> list[dict[str, Any]]:
        rows = self._rows
        if "fromId" in params:
            rows = [row for row in rows if int(row["id"]) >= params["fromId"]]
        elif not self._newest and since is not None:
            rows = [row for row in rows if since <= row["timestamp"] <= params.get("until", 10**15)]
        size = min(limit, self._cap)
        return rows[-size:] if self._newest else rows[:size]

    def _bars(self, market: str, interval: str, since: int, limit: int) -> list[list[Any]]:
        rows = [[row["timestamp"], *[str(row["timestamp"])] * 4, "1"] for row in self._rows]
        rows = [[*row, [*row, 0, "2", 3, "1", "1", "0"]] for row in rows]  # the exchange's own row behind ccxt's
        size = min(limit, self._cap)
        return rows[-size:] if self._newest else [row for row in rows if row[0] >= since][:size]


async def trades(venue: Venue, profile: MarketDataProfile, asked: Missing, pages: int = 0) -> tuple[list[int], bool]:
    given: list[int] = []

    def give(got: Page | Bars) -> None:
        assert isinstance(got, Page)
        given.extend(int(trade.id) for trade in got.trades)

    complete = await history.trades(venue, profile, "M", asked, give, Budget(pages))  # type: ignore[arg-type]
    return sorted(set(given)), complete


def by_id(first: int, last: int | None) -> Missing:
    return Missing(1, "trades", first, last, 0, 0)


def by_time(from_ms: int, to_ms: int) -> Missing:
    return Missing(1, "trades", None, None, from_ms * MS, to_ms * MS)


async def test_by_id_what_is_missing_and_what_stands_behind_it_in_its_page() -> None:
    venue = Venue(list(range(5000)), 1000)
    assert await trades(venue, BINANCE, by_id(1000, 3200)) == (list(range(1000, 4000)), True)
    assert venue.asked == 3


async def test_by_id_until_there_is_no_more() -> None:
    assert await trades(Venue(list(range(2500)), 1000), BINANCE, by_id(600, None)) == (list(range(600, 2500)), True)


async def test_more_than_is_worth_it_is_not_complete() -> None:
    venue = Venue(list(range(1, 30_001)), 1000)
    _, complete = await trades(venue, BINANCE, by_id(0, None))
    assert (complete, venue.asked) == (False, history.MOST_PAGES)


@pytest.mark.parametrize(("asked", "last"), [(by_id(0, None), 1999), (by_time(0, 5000), 1998)])
async def test_what_the_budget_does_not_cover_is_not_complete(asked: Missing, last: int) -> None:
    assert await trades(Venue(list(range(1, 5000)), 1000), BINANCE, asked, pages=2) == (list(range(last + 1)), False)


async def test_by_time_over_more_than_an_hour() -> None:
    times = [at * 10_000 for at in range(1000)]  # nearly three hours
    assert await trades(Venue(times, 1000), BINANCE, by_time(5000, 9_990_000)) == (list(range(1, 1000)), True)


async def test_more_in_one_millisecond_than_a_page_holds() -> None:
    _, complete = await trades(Venue([7] * 3000, 1000), BINANCE, by_time(7, 1000))
    assert not complete


@pytest.mark.parametrize("cap", [10, 100, 500])
async def test_an_unlisted_venue_that_obeys_is_paged_whatever_its_pages_hold(cap: int) -> None:
    venue = Venue(list(range(1, 181)), cap)
    assert await trades(venue, UNLISTED, by_time(21, 201)) == (list(range(20, 180)), True)


async def test_one_that_gives_only_its_newest_is_complete_only_if_these_reach_back() -> None:
    times = list(range(180))
    assert await trades(Venue(times, 100, newest=True), UNLISTED, by_time(80, 179)) == (list(range(80, 180)), True)
    assert await trades(Venue(times, 100, newest=True), UNLISTED, by_time(79, 179)) == (list(range(80, 180)), False)


async def test_a_row_that_does_not_parse_is_no_answer() -> None:
    venue = Venue(list(range(1, 11)), 1000)
    venue._rows[3]["price"] = "x"
    assert await trades(venue, BINANCE, by_id(0, 9)) == ([0, 1, 2, 4, 5, 6, 7, 8, 9], False)


async def bars(venue: Venue, profile: MarketDataProfile, first: int, last: int) -> tuple[list[ClosedBar], bool]:
    given: list[ClosedBar] = []

    def give(got: Page | Bars) -> None:
        assert isinstance(got, Bars)
        given.extend(got.bars)

    asked = Missing(1, "bars", None, None, first * 1000 * MS, last * 1000 * MS)
    complete = await history.bars(venue, profile, "M", "1s", asked, give, Budget(0))  # type: ignore[arg-type]
    return given, complete


async def closes(venue: Venue, profile: MarketDataProfile, first: int, last: int) -> tuple[list[ClosedBar], bool]:
    found, complete = await bars(venue, profile, first, last)
    return [bar._replace(bar=None) for bar in found], complete


@pytest.mark.parametrize("profile", [BINANCE, UNLISTED])
@pytest.mark.parametrize("cap", [7, 1000])
async def test_bars_end_where_asked_and_the_unfinished_one_is_left_out(profile: MarketDataProfile, cap: int) -> None:
    venue = Venue([at * 1000 for at in range(1, 31)], cap)
    found, complete = await bars(venue, profile, 10, 29)
    assert complete
    expected = [(end * 1000 * MS, Decimal((end - 1) * 1000)) for end in range(10, 30)]
    assert [(bar.ts_event, bar.price) for bar in found] == expected
    told = [(bar.bar.volume, bar.bar.trades) for bar in found if bar.bar is not None]
    assert told == [(1.0, 3 if profile.candles else None)] * 20


class Small(Venue):
    """Its page ends `cap` bars behind the time asked for, and rows say that they are over, as OKX's; sizes: asked."""

    def __init__(self, times: list[int], cap: int) -> None:
        super().__init__(times, cap)
        self.sizes, self.doubted = list[int](), 0

    async def again(self, attempt: int) -> bool:
        """As Asker.again."""
        self.doubted += 1
        return attempt < 4

    def _bars(self, market: str, interval: str, since: int, limit: int) -> list[list[Any]]:
        self.sizes.append(limit)
        found = [row for row in super()._bars(market, interval, since, limit) if row[0] < since + self._cap * 1000]
        return [[*row[:6], [str(row[0]), *row[1:6], "1", "2", "1"]] for row in found]


@pytest.mark.parametrize(("profile", "cap"), [(OKX, 300), (UNLISTED, 100)])
async def test_as_many_bars_as_may_be_wanted_come_page_by_page(profile: MarketDataProfile, cap: int) -> None:
    venue = Small([at * 1000 for at in range(1, 10_010)], cap)
    found, complete = await closes(venue, profile, 2, 10_001)
    assert (complete, len(found)) == (True, 10_000)
    assert profile is not OKX or (max(venue.sizes), venue.doubted) == (cap, 0), "a full page is no doubt"


async def test_bars_in_which_nothing_traded_may_be_left_out() -> None:
    venue = Venue([1000, 2000, 3000, 9000], 1000)
    given, complete = await bars(venue, UNLISTED, 3, 8)
    assert ([bar.ts_event // (1000 * MS) for bar in given], complete) == ([3, 4], True)


class Lagging(Venue):
    """Its REST is behind: the first answers have what was there before, and of the newest bar not all."""

    def __init__(self, behind: int) -> None:
        super().__init__([at * 1000 for at in range(1, 12)], 1000)
        self.behind = behind

    async def again(self, attempt: int) -> bool:
        """As Asker.again."""
        self.behind -= 1
        return attempt < 4

    def _bars(self, market: str, interval: str, since: int, limit: int) -> list[list[Any]]:
        rows = super()._bars(market, interval, since, limit)
        kept = [row for row in rows if row[0] <= 11_000 - 1000 * self.behind]
        return [[*row[:4], "1" if row is kept[-1] else row[4], *row[5:]] for row in kept]


@pytest.mark.parametrize("behind", [0, 1, 2])
async def test_a_bar_without_a_later_one_is_asked_for_again_before_it_is_believed(behind: int) -> None:
    """Else it is given as it was before its last trades, or as one in which nothing traded."""
    expected = [ClosedBar(end * 1000 * MS, Decimal((end - 1) * 1000)) for end in (9, 10, 11)]
    assert await closes(Lagging(behind), UNLISTED, 9, 11) == (expected, True)


@pytest.mark.parametrize("most", [1, 4])
async def test_a_market_that_is_silent_has_an_answer_all_the_same(most: int) -> None:
    venue = Venue([1000, 2000, 3000], 1000)

    async def again(attempt: int) -> bool:
        return attempt < most

    venue.again = again  # type: ignore[method-assign]
    given, complete = await bars(venue, UNLISTED, 3, 8)
    assert ([bar.ts_event // (1000 * MS) for bar in given], complete) == ([3, 4], True)


async def test_many_markets_that_are_silent_are_not_all_doubted() -> None:
    doubts = Budget(1)
    for asks in (2, 1, 1):
        venue = Venue([2000, 3000], 1000)
        asked = Missing(1, "bars", None, None, 4000 * MS, 4000 * MS)
        assert await history.bars(venue, UNLISTED, "M", "1s", asked, lambda _: None, doubts)  # type: ignore[arg-type]
        assert venue.asked == asks


async def test_bars_that_do_not_reach_back_are_not_complete() -> None:
    venue = Venue([at * 1000 for at in range(1, 31)], 10, newest=True)
    _, complete = await bars(venue, UNLISTED, 10, 29)
    assert not complete


async def test_candles_that_a_venue_does_not_have_are_not_asked_for() -> None:
    venue = Venue([1000, 2000], 1000)
    venue.timeframes = {"1m": "1", "1h": "60"}
    with pytest.raises(VenueError, match="venue has no candles of 1s, only 1m, 1h: features warm up as bars come"):
        await bars(venue, UNLISTED, 1, 2)
    assert venue.asked == 0


class Behind(Venue):
    """Its time is `now_ms`, and a second later when it is asked again, three times at most. A close is its time."""

    def __init__(self, now_ms: int) -> None:
        super().__init__([at * 1000 for at in range(1, 31)], 1000)
        self.now_ms = now_ms

    async def again(self, attempt: int) -> bool:
        """As Asker.again."""
        self.now_ms += 1000
        return attempt < 4

    def _bars(self, market: str, interval: str, since: int, limit: int) -> list[list[Any]]:
        rows = super()._bars(market, interval, since, limit)
        kept = [row for row in rows if row[0] <= self.now_ms]
        for row in kept:
            close = str(min(row[0] + 999, self.now_ms))
            row[2] = row[4] = row[6][2] = row[6][4] = close
        return kept


@pytest.mark.parametrize("now_ms", [7_500, 8_500, 9_500, 10_000])
async def test_a_bar_that_goes_on_by_the_venues_time_is_waited_for(now_ms: int) -> None:
    expected = [ClosedBar(end * 1000 * MS, Decimal(end * 1000 - 1)) for end in (8, 9, 10)]
    assert await closes(Behind(now_ms), BINANCE, 8, 10) == (expected, True)


async def test_a_bar_that_still_goes_on_when_it_was_asked_for_often_enough_is_missing() -> None:
    expected = [ClosedBar(end * 1000 * MS, Decimal(end * 1000 - 1)) for end in (8,)]
    assert await closes(Behind(5_500), BINANCE, 8, 10) == (expected, False)


class Unconfirmed(Behind):
    """Its rows say whether they are completed, some time after their end.

    P: https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-candlesticks: `confirm`.
    """

    def _bars(self, market: str, interval: str, since: int, limit: int) -> list[list[Any]]:
        rows = super()._bars(market, interval, since, limit)
        told = {False: "0", True: "1"}
        ends = [told[row[0] + 1000 <= self.now_ms] for row in rows]
        return [[*row[:6], [str(row[0]), *row[1:6], "1", "2", end]] for row, end in zip(rows, ends, strict=True)]


@pytest.mark.parametrize("now_ms", [7_500, 8_500, 9_500, 10_000])
async def test_a_bar_that_is_said_to_go_on_is_waited_for_though_its_time_is_over_here(now_ms: int) -> None:
    expected = [ClosedBar(end * 1000 * MS, Decimal(end * 1000 - 1)) for end in (8, 9, 10)]
    assert await closes(Unconfirmed(now_ms), OKX, 8, 10) == (expected, True)


async def test_a_bar_that_is_never_said_to_be_over_is_missing() -> None:
    venue, attempts = Unconfirmed(8_500), list[int]()

    async def again(attempt: int) -> bool:
        attempts.append(attempt)
        return attempt < 4

    venue.again = again  # type: ignore[method-assign]
    assert await closes(venue, OKX, 8, 10) == ([ClosedBar(8 * 1000 * MS, Decimal(7_999))], False)
    assert attempts == [1, 2, 3, 4]
