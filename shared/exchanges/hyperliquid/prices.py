"""What an order at market is sent at, where there is none without a price: a limit so far off that it is one."""

import asyncio
import time
from decimal import Decimal
from typing import Any, NamedTuple

from shared.errors import VenueError
from shared.exchanges.hyperliquid.rows import sides_of
from shared.exchanges.rest_caller import RestCaller
from shared.exchanges.trading.client import urgent
from shared.exchanges.trading.parse import number

YOUNG_S = 2.0  # so old, a price is asked for anew
ASKED_S = 1.0  # the answer is waited for so long, at most
SLIPPAGE = Decimal("0.05")  # of the official SDK's market orders: DEFAULT_SLIPPAGE
# Of what reduces, where nobody answers: an IOC is filled at the book's prices, however far off its limit is, and the
# exchange allows 80 % (recorded: "Order price cannot be more than 80% away from the reference price"). So far below the
# market, most sales are still worth the least that is taken.
WIDE = Decimal("0.2")


class SeenPrice(NamedTuple):
    """A SeenPrice is the last best price of one side, and when it was asked for, by our monotonic clock."""

    price: Decimal
    at_s: float


class MarketPrices:
    """MarketPrices keep the best price of each side of each market, and ask for it where an order needs it."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, bool], SeenPrice] = {}

    def see(self, market: str, bid: Any, ask: Any) -> None:
        """Takes both sides, as they were told just now; None: that side is empty."""
        for buys, price in ((False, bid), (True, ask)):
            if price is not None:
                self._seen[market, buys] = SeenPrice(number(price), time.monotonic())

    async def worst(self, caller: RestCaller, market: str, *, buys: bool, reduces: bool, within_s: float) -> Decimal:
        """Returns the worst price of an order at market: 5 % beyond the best one, which is asked for where it is old.

        Raises VenueError where it is not known. What reduces goes on with the last one that was seen, and more room.
        """
        seen = self._seen.get((market, buys))
        if seen is not None and time.monotonic() - seen.at_s <= YOUNG_S:
            return _beyond(seen.price, SLIPPAGE, buys)
        try:
            await self._ask(caller, market, within_s)
            found = self._seen.get((market, buys))
            if found is seen or found is None:
                raise VenueError(f"{caller.client.id}: nobody {'sells' if buys else 'buys'} in {market}")
        except VenueError:
            if seen is None or not reduces:
                raise
            return _beyond(seen.price, WIDE, buys)
        return _beyond(found.price, SLIPPAGE, buys)

    async def _ask(self, caller: RestCaller, market: str, within_s: float) -> None:
        """Asks once, past the queue of reads, and waits no longer than the order may."""
        client = caller.client
        asked = {"type": "l2Book", "coin": client.markets[market]["baseName"]}
        try:
            async with asyncio.timeout(min(within_s, ASKED_S)):
                with urgent():
                    sides = await caller.ask(client.public_post_info, asked, attempts=1, read=sides_of)
        except TimeoutError:
            raise VenueError(f"{client.id} does not answer in time: no price in {market}") from None
        self.see(market, *sides)


def _beyond(price: Decimal, by: Decimal, buys: bool) -> Decimal:
    return price * (1 + by) if buys else price * (1 - by)
