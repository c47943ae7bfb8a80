"""A feed fetches over REST what it has missed: trades by id or by time, and finished bars."""

from collections.abc import Callable
from typing import Any

from shared.errors import VenueError
from shared.exchanges.backoff import Budget
from shared.exchanges.market_data import parse
from shared.exchanges.market_data.events import Bars, Candle, ClosedBar, Missing, Page, Trade
from shared.exchanges.market_data.traded import bars_of
from shared.exchanges.profile import MarketDataProfile
from shared.exchanges.rest_caller import RestCaller
from shared.history.funding import SettledRate
from shared.intervals import interval_ns

DOUBTS = 2  # so often an answer without a later bar is not believed
MOST_PAGES = 20
HOUR_MS = 3_600_000
LEAST_PAGE = 100  # bars that a page of any exchange holds
LOOK_BACK_MS = 10_000
RATES_PAGE = 100
Give = Callable[[Page | Bars], None]


async def trades(
    caller: RestCaller, profile: MarketDataProfile, market: str, asked: Missing, give: Give, pages: Budget
) -> bool:
    """Gives what was asked for, as many pages as there may be; says whether that is all. Raises VenueError."""
    if asked.from_id is not None and profile.from_id:
        return await _by_id(caller, profile, market, asked, give, pages)
    return await _by_time(caller, profile, market, asked, give, pages)


async def _by_id(
    caller: RestCaller, profile: MarketDataProfile, market: str, asked: Missing, give: Give, pages: Budget
) -> bool:
    """Asks for whole pages: they cost the exchange's patience no more than parts, and may fill the next hole too."""
    number = asked.from_id or 0
    for _ in range(MOST_PAGES):
        if not pages.take():
            return False
        rows = await caller.ask(caller.client.fetch_trades, market, None, profile.page, {profile.from_id: number})
        page = _page(rows, profile, caller.client.market(market))
        give(page)
        if len(page.trades) < len(rows):
            return False
        if len(rows) < profile.page:
            return True
        number = max(int(trade.id) for trade in page.trades) + 1
        if asked.to_id is not None and number > asked.to_id:
            return True
    return False


async def _by_time(
    caller: RestCaller, profile: MarketDataProfile, market: str, asked: Missing, give: Give, pages: Budget
) -> bool:
    """Asks hour by hour where a page is known to hold the first rows; else on from the newest until none is newer.

    That a page reaches back to what is asked for, an older row shows: ccxt leaves out those before `since`.
    """
    since_ms, last_ms = asked.from_ns // parse.NS_PER_MS, -(-asked.to_ns // parse.NS_PER_MS)
    complete = profile.forward
    size = profile.page if ":" in market else profile.spot_page or profile.page
    for number in range(MOST_PAGES):
        if not pages.take():
            return False
        until_ms = min(last_ms, since_ms + HOUR_MS)
        params = {"until": until_ms} if profile.forward else {}
        back_ms = 0 if profile.forward or number else LOOK_BACK_MS
        rows = await caller.ask(caller.client.fetch_trades, market, max(since_ms - back_ms, 0), size, params)
        page = _page(rows, profile, caller.client.market(market))
        give(Page(tuple(trade for trade in page.trades if trade.ts_event >= since_ms * parse.NS_PER_MS)))
        if len(page.trades) < len(rows):
            return False
        times = [trade.ts_event // parse.NS_PER_MS for trade in page.trades]
        reaches_back = min(times, default=since_ms) <= since_ms or (profile.last_rows and len(rows) < size)
        complete = complete or (not number and reaches_back)
        newest_ms = max(times, default=since_ms)
        if profile.forward and len(rows) < size:
            newest_ms = until_ms
        if newest_ms >= last_ms:
            return complete
        if back_ms and times and newest_ms <= since_ms:
            continue  # a page of first rows, and all were before it
        if newest_ms <= since_ms:
            return complete and not profile.forward  # where pages are full: more in one millisecond than a page holds
        since_ms = newest_ms
    return False


def _page(rows: Any, profile: MarketDataProfile, market: Any) -> Page:
    found = (parse.trade(row, profile, market) for row in rows)
    return Page(tuple(trade for trade in found if trade is not None))


async def bars(
    caller: RestCaller,
    profile: MarketDataProfile,
    market: str,
    interval: str,
    asked: Missing,
    give: Give,
    doubts: Budget,
) -> bool:
    """Gives the finished bars that were asked for; says whether these are all. Raises VenueError.

    A later bar shows that one is finished: the exchange's clock may have been set back since it was told, and its REST
    may be behind. Where bars in which nothing traded have no row, there may be no later one: when it was asked for
    again, the time is believed, unless the row itself says that the bar goes on.

    - doubts: so often all of the exchange's answers may be doubted, since every doubt is a request and a pause.
    """
    known = caller.client.timeframes or {}
    if known and interval not in known:
        raise VenueError(
            f"{caller.client.id} has no candles of {interval}, only {', '.join(known)}: features warm up as bars come, "
            "and a bar whose trades are missing stays a Gap"
        )
    length_ns = interval_ns(interval)
    length_ms = length_ns // parse.NS_PER_MS
    of = caller.client.market(market)
    since_ms, last_ms = asked.from_ns // parse.NS_PER_MS - length_ms, asked.to_ns // parse.NS_PER_MS - length_ms
    complete, attempt = profile.forward, 0
    for number in range(MOST_PAGES + (last_ms - since_ms) // length_ms // LEAST_PAGE):
        size = min(profile.bars_page, (last_ms - since_ms) // length_ms + 2)
        rows = await caller.ask(caller.client.fetch_ohlcv, market, interval, since_ms, size)
        read = [_candle(row, profile, of) for row in rows]
        candles = [candle for candle in read if candle is not None and candle.start % length_ns == 0]
        starts = [_start_ms(candle) for candle in candles]
        ends_ms = [_start_ms(candle) + length_ms for candle in candles if candle.finished]
        next_ms = max([*starts, *ends_ms], default=since_ms)
        going = [_start_ms(candle) for candle in candles if candle.finished is False]
        doubtful = not (profile.every_bar or going) and next_ms <= last_ms and len(rows) < size
        if doubtful and (attempt >= DOUBTS or not doubts.take()):
            doubtful, next_ms = False, max(starts, default=last_ms) + length_ms
        next_ms = min([next_ms, *going])
        over = [candle for candle in candles if candle.start < next_ms * parse.NS_PER_MS]
        ends = [ClosedBar(candle.start + length_ns, candle.close, candle.bar) for candle in over]
        give(Bars(tuple(bar for bar in ends if asked.from_ns <= bar.ts_event <= asked.to_ns)))
        if len(candles) < len(rows):
            return False
        complete = complete or (not number and min(starts, default=since_ms) <= since_ms)
        if next_ms >= last_ms + length_ms:
            return complete
        moved, since_ms = next_ms > since_ms, max(next_ms, since_ms)
        if moved and not doubtful:
            continue
        attempt += 1
        if not await caller.again(attempt) and not doubtful:
            return False
    return False


def _start_ms(candle: Candle) -> int:
    return candle.start // parse.NS_PER_MS


def _candle(row: Any, profile: MarketDataProfile, market: Any) -> Candle | None:
    """Reads the exchange's own row, behind ccxt's columns, where the profile can; else ccxt's."""
    if profile.candles is None:
        return parse.candle(row)
    raw = row[-1] if isinstance(row, list) and len(row) > parse.COLUMNS else None
    told = profile.candles.row(raw, market)
    return None if told is None else parse.whole_candle(told)


async def bars_of_trades(
    caller: RestCaller,
    profile: MarketDataProfile,
    market: str,
    interval: str,
    asked: Missing,
    give: Give,
    pages: Budget,
) -> bool:
    """Gives the bars that were asked for out of fetched trades; says whether these are all. Raises VenueError."""
    length_ns = interval_ns(interval)
    found: dict[int | str, Trade] = {}

    def take(page: Page | Bars) -> None:
        if isinstance(page, Page):
            found.update((trade.id, trade) for trade in page.trades)

    first_ns, last_ns = asked.from_ns - length_ns, asked.to_ns
    whole = Missing(asked.no, "trades", None, None, first_ns, last_ns)
    if not await trades(caller, profile, market, whole, take, pages):
        return False
    inside = [trade for trade in found.values() if first_ns <= trade.ts_event < last_ns]
    inside.sort(key=(lambda trade: trade.id) if profile.consecutive else (lambda trade: (trade.ts_event, trade.seq)))
    give(Bars(tuple(bars_of(inside, length_ns))))
    return True


async def rates(caller: RestCaller, market: str, since_ns: int, give: Callable[[SettledRate], None]) -> None:
    """Gives the funding rates that were settled since then, as many pages as there may be. Raises VenueError."""
    since_ms, known = since_ns // parse.NS_PER_MS, set[int]()
    for _ in range(MOST_PAGES):
        rows = await caller.ask(caller.client.fetch_funding_rate_history, market, since_ms, RATES_PAGE)
        found = [rate for row in rows if (rate := parse.settled_rate(row)) is not None and rate.ts_event not in known]
        for rate in found:
            give(rate)
            known.add(rate.ts_event)
        if not found:
            return
        since_ms = max(known) // parse.NS_PER_MS + 1
