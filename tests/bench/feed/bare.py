"""Readers that do less than an ingestor: bytes, messages, and ccxt's trades."""

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp
import ccxt.pro

from services.simulator.engine.trade_history import BEHIND, FIRST_ID
from shared.exchanges.client import redirected
from tests.bench.feed.reader_task import HOST, STREAM, ReaderTask
from tests.bench.feed.span import spanned

EVENT = b'"e":"%s"' % STREAM.encode()
HELD = 5_000  # ccxt keeps 1000 of a market, and loses what comes on top of that before its watcher runs
FIRST = FIRST_ID - BEHIND


class Taken:
    """How many trades were taken."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        return self.count


async def wire(given: ReaderTask) -> dict[str, Any]:
    """The bytes, one connection for each market: what the simulator can send."""
    taken = Taken()

    async def read(name: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(given.url.rsplit(":", 1)[1]))
        head = (
            f"GET /{HOST}/ws/{name} HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket",
            "Connection: Upgrade", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "Sec-WebSocket-Version: 13", "", "",
        )  # fmt: skip
        writer.write("\r\n".join(head).encode())
        await reader.readuntil(b"\r\n\r\n")
        count, rest = 0, b""
        while count < given.trades:
            rest += await reader.read(1 << 20)
            found = rest.count(EVENT)
            count, taken.count = count + found, taken.count + found
            rest = rest[-len(EVENT) + 1 :]
        writer.close()

    return await _all(given, taken, read)


async def messages(given: ReaderTask) -> dict[str, Any]:
    """Websocket messages by aiohttp."""
    taken = Taken()
    async with aiohttp.ClientSession() as session:

        async def read(name: str) -> None:
            async with session.ws_connect(f"{given.url}/{HOST}/ws/{name}", compress=15) as socket:
                for _ in range(given.trades):
                    await socket.receive_str()
                    taken.count += 1

        return await _all(given, taken, read)


async def _all(given: ReaderTask, taken: Taken, read: Any) -> dict[str, Any]:
    async with asyncio.TaskGroup() as group:
        for listing in given.listings:
            group.create_task(read(f"{listing.id.lower()}@{STREAM}"))
        return await spanned(given, taken)


async def watch_trades(given: ReaderTask) -> dict[str, Any]:
    """Bare ccxt.pro: a task for each market. Raises AssertionError where a trade is missing."""
    taken = Taken()
    exchange = ccxt.pro.binance({"options": {"fetchMarkets": {"types": ["linear"]}, "tradesLimit": HELD}})
    exchange.urls["api"] = redirected(exchange.urls["api"], given.url)
    exchange.timeout_on_exit = 0
    await exchange.load_markets()

    async def watch(symbol: str) -> None:
        due = FIRST
        while due < FIRST + given.trades:
            rows = await exchange.watch_trades(symbol, None, None, {"name": STREAM})
            first, last = int(rows[0]["id"]), int(rows[-1]["id"])
            assert first == due and last - first + 1 == len(rows), f"{symbol}: {first} to {last}, {due} was due"
            due = last + 1
            taken.count += len(rows)

    async with asyncio.TaskGroup() as group:
        for listing in given.listings:
            group.create_task(watch(f"{listing.base}/USDT:USDT"))
        found = await spanned(given, taken)
    with suppress(ccxt.pro.NetworkError):
        await exchange.close()
    return found
