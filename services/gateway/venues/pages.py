"""The account's trades from a time on, page by page."""

from collections.abc import Mapping
from typing import Any

from services.gateway.venues.asker import Asker
from services.gateway.venues.facts import Facts
from shared.errors import VenueError

WINDOW_MS = 7 * 86_400_000  # Binance gives a week at a time, and OKX and Bybit no more
MOST_PAGES = 1000
LEEWAY_MS = 60_000  # our idea of the venue's clock is not exact, and its last trade must not be missed for that

Trade = Mapping[str, Any]


async def trades(asker: Asker, facts: Facts, market: str, since_ms: int, now_ms: int) -> list[Trade]:
    """Each once, oldest first. Venues give a page's first or its last rows of a window; both are paged."""
    found: dict[str, Trade] = {}
    last_ms = now_ms + LEEWAY_MS
    for start_ms in range(since_ms, last_ms + 1, WINDOW_MS):
        end_ms = min(start_ms + WINDOW_MS - 1, last_ms)
        await _window(asker, facts, market, start_ms, end_ms, found)
    return sorted(found.values(), key=_order)


async def _window(asker: Asker, facts: Facts, market: str, start_ms: int, end_ms: int, found: dict[str, Trade]) -> None:
    for _ in range(MOST_PAGES):
        rows = await asker.ask(asker.client.fetch_my_trades, market, start_ms, facts.page, {"until": end_ms})
        new = [row for row in rows if str(row["id"]) not in found]
        found.update((str(row["id"]), row) for row in new)
        if len(rows) < facts.page or not new:
            return
        times = [int(row["timestamp"]) for row in rows]
        if facts.newest_first:
            end_ms = min(times)
        else:
            start_ms = max(times)
    raise VenueError(f"{asker.client.id}: more than {MOST_PAGES} pages of trades in a week of {market}")


def _order(trade: Trade) -> tuple[int, int, str]:
    id_ = str(trade["id"])
    return int(trade["timestamp"]), len(id_), id_
