"""What of Hyperliquid's prices can be had, told before anything is asked."""

from typing import Any

import pytest

from shared.errors import ConfigError
from shared.exchanges.market_data.options import LiveOptions
from shared.exchanges.market_data.venue import LiveVenue


def options(count: int, **changes: Any) -> LiveOptions:
    markets = {f"C{number}USDT": f"C{number}/USDC:USDC" for number in range(count)}
    return LiveOptions("hyperliquid", markets, "1m", **changes)


async def closed(venue: LiveVenue) -> None:
    await venue.client.close()
    await venue._timer.close()


async def test_ten_markets_are_heard_and_eleven_are_refused() -> None:
    await closed(LiveVenue(options(10)))
    with pytest.raises(ConfigError, match="lets in 10 websockets at once, and each of 11 markets takes one"):
        LiveVenue(options(11))
    await closed(LiveVenue(options(11, websocket=False)))


async def test_best_bids_and_asks_do_not_come_by_themselves() -> None:
    with pytest.raises(ConfigError, match="price = mid needs a websocket"):
        LiveVenue(options(1, price="mid"))
