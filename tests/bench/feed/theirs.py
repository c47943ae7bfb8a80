"""cryptofeed on the simulator: its endpoints are ours, and nothing else is."""

import asyncio
import os
from typing import Any

from cryptofeed.connection import AsyncConnection, RestEndpoint, Routes
from cryptofeed.defines import TRADES
from cryptofeed.exchanges import BinanceFutures
from cryptofeed.types import Trade

from services.simulator.engine.trade_history import BEHIND, FIRST_ID
from tests.bench.feed.reader_task import ReaderTask
from tests.bench.feed.span import spanned

REST = "fapi.binance.com"


def on_fake(url: str) -> type[BinanceFutures]:
    """Its class for Binance's futures. It refuses addresses without TLS, so they are replaced behind its check."""

    class OnFake(BinanceFutures):  # type: ignore[misc]
        rest_endpoints = [RestEndpoint(f"{url}/{REST}", routes=Routes("/fapi/v1/exchangeInfo"))]  # noqa: RUF012

        def connect(self) -> list[tuple[AsyncConnection, Any, Any, Any]]:
            made: list[tuple[AsyncConnection, Any, Any, Any]] = super().connect()
            for connection, *_ in made:
                connection.address = connection.address.replace("wss:/", url.replace("http", "ws", 1), 1)
            return made

    return OnFake


async def cryptofeed(given: ReaderTask) -> dict[str, Any]:
    """Its Trade objects, given to a callback. Raises AssertionError where a trade is missing."""
    last: dict[str, str] = {}
    count = 0

    async def taken(trade: Trade, receipt: float) -> None:
        nonlocal count
        count += 1
        last[trade.symbol] = trade.id

    symbols = [f"{listing.base}-USDT-PERP" for listing in given.listings]
    config = {"log": {"filename": os.devnull, "level": "WARNING"}}
    made = on_fake(given.url)(symbols=symbols, channels=[TRADES], callbacks={TRADES: taken}, config=config)
    made.start(asyncio.get_running_loop())
    found = await spanned(given, lambda: count)
    final = FIRST_ID - BEHIND + given.trades - 1
    assert {int(id_) for id_ in last.values()} == {final} and len(last) == given.markets, last
    await made.shutdown()
    return found
