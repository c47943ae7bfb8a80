"""Orders one at a time, then at a fixed rate; a bare fsync in turn with them on the same disk."""

import asyncio
import itertools
import json
import os
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.messages import OrderIntent
from tests.bench.gateway.gateway import Gateway
from tests.bench.gateway.orders import SYMBOLS, Orders

PAGE = b"x" * 4096
WARM = 20
PAUSE_S = 0.02
PLACES = ("read", "kept", "writing", "written", "cleared", "sent", "arrived")
MS = 1000


class Bare:
    """A file on the journal's disk, synced after each page that is appended."""

    def __init__(self, folder: Path) -> None:
        self.took_s: list[float] = []
        self._page = os.open(folder / "page", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    async def sync(self) -> None:
        """Once, in a thread: nothing else waits for it."""
        self.took_s.append(await asyncio.to_thread(self._sync))

    def _sync(self) -> float:
        began_s = time.monotonic()
        os.write(self._page, PAGE)
        os.fsync(self._page)
        return time.monotonic() - began_s


async def one_at_a_time(gateway: Gateway, orders: Orders, bare: Bare, count: int) -> list[str]:
    """The next order is written when the last one is filled and a page is synced; their client ids.

    Order and page come after the same pause: a disk that was idle answers later than one that is at work.
    """
    names = []
    for sym in itertools.islice(itertools.cycle(SYMBOLS), count):
        intent = orders.next(sym)
        await asyncio.sleep(PAUSE_S)
        await gateway.write(intent)
        await gateway.filled(intent)
        await asyncio.sleep(PAUSE_S)
        await bare.sync()
        names.append(intent.client_order_id)
    return names


async def at_a_rate(gateway: Gateway, orders: Orders, bare: Bare, count: int, per_s: float) -> list[str]:
    """An order is due every 1 / per_s seconds, in another symbol each time; a page is synced halfway between two."""
    names, waiting = [], dict[str, OrderIntent]()
    began_s = time.monotonic()
    for number, sym in enumerate(itertools.islice(itertools.cycle(SYMBOLS), count)):
        await asyncio.sleep(began_s + number / per_s - time.monotonic())
        if sym in waiting:  # a symbol's orders come one after the other
            await gateway.filled(waiting[sym])
        waiting[sym] = intent = orders.next(sym)
        await gateway.write(intent)
        names.append(intent.client_order_id)
        await asyncio.sleep(began_s + (number + 0.5) / per_s - time.monotonic())
        await bare.sync()
    for intent in waiting.values():
        await gateway.filled(intent)
    return names


def arrivals(url: str) -> dict[str, float]:
    """When the venue's process had each order."""
    with urllib.request.urlopen(urllib.request.Request(f"{url}/_fake/arrived", method="POST")) as answer:
        return {name: float(at_s) for name, at_s in json.load(answer).items()}


def read_to_sent(names: Sequence[str], at: Mapping[str, Mapping[str, float]]) -> list[float]:
    """From what was read to the socket, in ms."""
    return [(at[name]["sent"] - at[name]["read"]) * MS for name in names]


def beside_the_journal(names: Sequence[str], at: Mapping[str, Mapping[str, float]]) -> list[float]:
    """From what was read to the socket, less what the journal's write took, in ms: without the disk's noise."""
    return [
        (row["sent"] - row["read"] - (row["written"] - row["writing"])) * MS for row in (at[name] for name in names)
    ]


def spans(names: Sequence[str], at: Mapping[str, Mapping[str, float]]) -> dict[str, list[float]]:
    """From what was read to each place, and from each place to the next, in ms."""
    rows = [at[name] for name in names]
    found = {f"{a} to {b}": [(row[b] - row[a]) * MS for row in rows] for a, b in itertools.pairwise(PLACES)}
    return {"read to sent": read_to_sent(names, at), **found}


def summary(values: Sequence[float]) -> dict[str, float]:
    """p50 and p99."""
    ordered = sorted(values)
    return {f"p{part}": round(ordered[min(len(ordered) * part // 100, len(ordered) - 1)], 3) for part in (50, 99)}
