"""Lists that an exchange gives page by page: open orders and positions, and the account's trades from a time on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from shared.errors import VenueError
from shared.exchanges.rest_caller import RestCaller

if TYPE_CHECKING:
    from shared.exchanges.trading.profile import TradingProfile

MOST_PAGES = 1000
LEEWAY_MS = 60_000  # our idea of the exchange's clock is not exact, and its last trade must not be missed for that

Row: TypeAlias = Mapping[str, Any]
Params: TypeAlias = Mapping[str, Any]
TradeKey: TypeAlias = tuple[str, str]


async def all_pages(
    caller: RestCaller,
    more: Callable[[Sequence[Row]], Params | None],
    page: Callable[[Params], Awaitable[Any]],
    params: Params,
) -> list[Row]:
    """Returns the rows of all pages. more: what is asked for after a page, None after the last one."""
    found: list[Row] = []
    further: Params | None = params
    for _ in range(MOST_PAGES):
        rows = await caller.ask(page, {**params, **(further or {})})
        found += rows
        further = more(rows) if rows else None
        if further is None:
            return found
    raise VenueError(f"{caller.client.id}: more than {MOST_PAGES} pages of a list")


async def trades(
    caller: RestCaller,
    profile: "TradingProfile",
    market: str | None,
    since_ms: int,
    now_ms: int,
    params: Params | None = None,
) -> list[Row]:
    """Returns each trade once, oldest first, whether a page has a window's first rows or its last ones.

    - market: None where an exchange gives those of all markets; params then say of which.
    """
    found: dict[TradeKey, Row] = {}
    last_ms, window_ms = now_ms + LEEWAY_MS, profile.facts.window_ms
    for start_ms in range(since_ms, last_ms + 1, window_ms):
        end_ms = min(start_ms + window_ms - 1, last_ms)
        await _window(caller, profile, market, start_ms, end_ms, found, params or {})
    return sorted((row for row in found.values() if int(row["timestamp"]) >= since_ms), key=_order)


async def order_trades(
    caller: RestCaller, profile: "TradingProfile", market: str, id_: str, params: Params | None = None
) -> list[Row]:
    """Returns the trades of one order, where the exchange can be asked for these. params: of each question."""

    def more(rows: Sequence[Row]) -> Params | None:
        return profile.more_trades(rows) if len(rows) >= profile.facts.page else None

    async def page(params: Params) -> Any:
        return await profile.order_trades_page(caller, market, id_, params)

    rows = await all_pages(caller, more, page, params or {})
    return sorted({str(row["id"]): row for row in rows}.values(), key=_order)


async def _window(
    caller: RestCaller,
    profile: "TradingProfile",
    market: str | None,
    start_ms: int,
    end_ms: int,
    found: dict[TradeKey, Row],
    given: Params,
) -> None:
    since: int | None = start_ms
    params: dict[str, Any] = {**given, "until": end_ms}
    for _ in range(MOST_PAGES):
        asked = {name: value for name, value in params.items() if value is not None}
        rows = await caller.ask(profile.trades_page, caller, market, since, asked)
        new = [row for row in rows if _key(row) not in found]
        found.update((_key(row), row) for row in new)
        if len(rows) < profile.facts.page:
            return
        times = [int(row["timestamp"]) for row in rows]
        further = profile.more_trades(rows)
        if further is not None:
            since = further.get("since", since)
            params |= {name: value for name, value in further.items() if name != "since"}
            if params["until"] is None and min(times) > end_ms:
                return
        elif not new:
            raise VenueError(
                f"{caller.client.id}: more trades of {market or 'all markets'} in one millisecond than one answer has"
            )
        elif profile.facts.newest_first:
            params["until"] = min(times)
        else:
            since = max(times)
    raise VenueError(f"{caller.client.id}: more than {MOST_PAGES} pages of trades of {market or 'all markets'}")


def _key(trade: Row) -> TradeKey:
    """Returns market and id: at OKX each market numbers its own trades, and one answer has those of all markets."""
    return str(trade.get("symbol") or ""), str(trade["id"])


def _order(trade: Row) -> tuple[int, int, str]:
    id_ = str(trade["id"])
    return int(trade["timestamp"]), len(id_), id_
