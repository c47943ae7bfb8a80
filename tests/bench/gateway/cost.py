"""What asking costs: `python -m tests.bench.gateway.cost` prints the table that stands in docs/gateway.md.

Requests and weights are those of ccxt's own throttle. Seconds are virtual: the throttle's, and 0.05 s for each answer.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Iterator
from typing import NamedTuple

import structlog

from services.gateway.execution.account_reader import AccountReader
from services.gateway.execution.reconciler import WINDOW_MS
from tests.simulator_venues import (
    BINANCE,
    BINANCE_SPOT,
    BYBIT,
    BYBIT_SPOT,
    HYPERLIQUID,
    OKX,
    OKX_SPOT,
    InProcess,
    Place,
    in_process,
    named,
    throttle_in_virtual_time,
)
from tests.virtual_time import run_seeded

COUNTS = (1, 4, 16, 100)
PLACES = (BINANCE, BYBIT, OKX, HYPERLIQUID, BINANCE_SPOT, BYBIT_SPOT, OKX_SPOT)
IDLE_S = 100.0


class Cost(NamedTuple):
    """requests, weight: in all. s: from the first until the throttle would let another one go."""

    requests: int
    weight: float
    s: float

    def __str__(self) -> str:
        return f"{self.s:.1f} s ({self.requests}, {self.weight:g})"


class Costs(NamedTuple):
    """first: a comparison after an attach. later: any other. modes: read again, as after each comparison.

    equity: one observation. quotes: of all markets, once.
    """

    first: Cost
    later: Cost
    modes: Cost
    equity: Cost
    quotes: Cost


async def _measured(made: InProcess, work: Awaitable[object]) -> Cost:
    await asyncio.sleep(IDLE_S)
    await made.settle()
    made.requests.clear()
    made.costs.clear()
    begun_s = time.monotonic()
    await work
    await made.settle()
    return Cost(len(made.requests), round(sum(made.costs), 2), time.monotonic() - begun_s)


async def _costs(place: Place, count: int) -> Costs:
    with throttle_in_virtual_time():
        made = in_process(place, count)
        venue = made.venue
        await venue.open()
        reader = AccountReader(venue, made.syms)

        async def compare() -> object:
            at_ms = await venue.server_time_ms()
            return await reader.read(at_ms, at_ms - WINDOW_MS, ())

        return Costs(
            await _measured(made, compare()), await _measured(made, compare()),
            await _measured(made, venue.read_modes()),
            await _measured(made, venue.balance()), await _measured(made, venue.quotes(made.syms)),
        )  # fmt: skip


def costs(place: Place, count: int) -> Costs:
    """Of so many markets."""
    return run_seeded(lambda: _costs(place, count), seed=1)


def table() -> Iterator[str]:
    """Lines of Markdown: seconds, and in brackets requests and weight."""
    yield "| exchange | markets | first comparison | each other | modes | equity | quotes |"
    yield "|---|---|---|---|---|---|---|"
    for place in PLACES:
        for count in COUNTS:
            yield f"| {named(place)} | {count} | " + " | ".join(map(str, costs(place, count))) + " |"


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # the table is all of stdout
    for line in table():
        print(line)
