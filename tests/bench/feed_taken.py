"""`python -m tests.bench.feed_taken`: how many trades per second come off the fake's websocket.

Each reader takes the same trades, on one core, while the fake sends on another as fast as they are taken: `wire` only
reads bytes, which is what the fake can do; `aiohttp` reads messages; `ccxt` is bare `watch_trades`, a task for each
market, checked to have given every trade. trades/s is by the clock; trades/cpu-s by the CPU time that the reader used,
or the fake. On a busy machine only the latter tells.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import aiohttp
import ccxt.pro as ccxtpro
import psutil

from services.fake_exchange.listing import swaps
from shared.redirected import redirected

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EVENT = b'"e":"trade"'
HELD = 5000  # ccxt keeps 1000 of a market, and loses what comes on top of that before its watcher runs
HOST = "fstream.binance.com"


@contextmanager
def fake(markets: int, trades: int, *options: str) -> Iterator[tuple[str, psutil.Process]]:
    """The URL of one in a process of its own, and that."""
    command = [sys.executable, "-m", "services.fake_exchange", "--port", "0", "--walk-ms", "0", "--flood"]
    command += ["--markets", str(markets), "--trades", str(trades), "--trades-per-s", "500"]
    process = subprocess.Popen([*command, "--waits-for", str(markets), *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1], psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def names(markets: int) -> list[str]:
    return [f"{listing.id.lower()}@trade" for listing in swaps(markets)]


async def wire(url: str, markets: int, trades: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
    head = (
        f"GET /{HOST}/ws/{'/'.join(names(markets))} HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "Sec-WebSocket-Version: 13", "", "",
    )  # fmt: skip
    writer.write("\r\n".join(head).encode())
    await reader.readuntil(b"\r\n\r\n")
    count, rest = 0, b""
    while count < markets * trades:
        rest += await reader.read(1 << 20)
        count += rest.count(EVENT)
        rest = rest[-len(EVENT) + 1 :]
    writer.close()
    return count


async def messages(url: str, markets: int, trades: int) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}/{HOST}/ws/" + "/".join(names(markets)), compress=15) as socket,
    ):
        for _ in range(markets * trades):
            await socket.receive_str()
    return markets * trades


async def ccxt(url: str, markets: int, trades: int) -> int:
    exchange = ccxtpro.binance({"options": {"fetchMarkets": {"types": ["linear"]}, "tradesLimit": HELD}})
    exchange.urls["api"] = redirected(exchange.urls["api"], url)
    await exchange.load_markets()

    async def taken(symbol: str) -> int:
        count = last = 0
        while count < trades:
            for trade in await exchange.watch_trades(symbol):
                number = int(trade["id"])
                assert last in (0, number - 1), f"{symbol}: {number} follows {last}"
                last = number
                count += 1
        return count

    try:
        return sum(await asyncio.gather(*(taken(f"{listing.base}/USDT:USDT") for listing in swaps(markets))))
    finally:
        await exchange.close()


READERS = {"wire": wire, "aiohttp": messages, "ccxt": ccxt}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.feed_taken", description=__doc__)
    parser.add_argument("--markets", type=int, default=20)
    parser.add_argument("--trades", type=int, default=5000, help="in each market")
    parser.add_argument("--readers", nargs="+", choices=READERS, default=list(READERS))
    options = parser.parse_args(argv)
    for name in options.readers:
        for how in ((), ("--prepared",)):
            with fake(options.markets, options.trades, *how) as (url, process):
                sent_s = -sum(process.cpu_times()[:2])
                begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
                count = asyncio.run(READERS[name](url, options.markets, options.trades))
                took_s, cpu_s = time.perf_counter() - begun_s, time.process_time() - begun_cpu_s
                sent_s += sum(process.cpu_times()[:2])
            made = "prepared" if how else "made as sent"
            rates = f"{count / took_s:10,.0f} trades/s {count / cpu_s:10,.0f} trades/cpu-s"
            print(f"{name:8} {made:12} {rates}, fake {count / sent_s:10,.0f} trades/cpu-s", flush=True)


if __name__ == "__main__":
    main()
