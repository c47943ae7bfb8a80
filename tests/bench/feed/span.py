"""How long trades took, from the moment when the simulator begins to send them to the last."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import psutil

from tests.bench.feed.reader_task import HOST, STREAM, ReaderTask

LOOK_S = 0.005
LIMIT_S = 300.0
MB = 2**20


async def spanned(given: ReaderTask, count: Callable[[], int]) -> dict[str, Any]:
    """Let the simulator begin when all markets are subscribed to, and wait until all trades were taken.

    trades, seconds of the clock and of this process's CPU, and its memory on the way.
    """
    memory, process, due = [], psutil.Process(), given.memory_every
    async with asyncio.timeout(LIMIT_S), aiohttp.ClientSession() as session:
        while await _subscribed(session, given.url) < given.markets:  # noqa: ASYNC110  (the simulator's, over HTTP)
            await asyncio.sleep(LOOK_S)
        begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
        async with session.ws_connect(f"{given.url}/{HOST}/ws/nothing@{STREAM}"):
            pass
        while (now := count()) < given.whole:
            if given.memory_every and now >= due:
                memory.append({"trades": now, "rss_mb": _rss_mb(process)})
                due += given.memory_every
            await asyncio.sleep(LOOK_S)
        took_s, cpu_s = time.perf_counter() - begun_s, time.process_time() - begun_cpu_s
    if given.memory_every:
        memory.append({"trades": now, "rss_mb": _rss_mb(process)})
    return {"trades": now, "took_s": took_s, "cpu_s": cpu_s, "memory": memory}


async def _subscribed(session: aiohttp.ClientSession, url: str) -> int:
    async with session.post(f"{url}/_fake/feed", json={}) as answer:
        return len((await answer.json(content_type=None))["subscribed"])


def _rss_mb(process: psutil.Process) -> float:
    return round(process.memory_info().rss / MB, 1)
