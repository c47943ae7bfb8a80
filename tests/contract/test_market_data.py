"""The contract of market data on each dialect, each with 1, 2 and 30 markets, at the pace of ccxt's own throttle.

Ticks are the bars of the venue's history, none is missing or wrong, and history joins live without a seam.
"""

import asyncio
from dataclasses import replace

import pytest

from services.simulator.dialects import markets
from services.simulator.simulator import TradePlan, serving
from shared.exchanges.market_data.options import LiveOptions
from shared.messages import Gap
from tests.integration.ingestor.line import OPTIONS, S_NS, ingesting_of, new_bus, perfect, ticks, told, until_ticks
from tests.simulator_venues import BINANCE_SPOT, HYPERLIQUID, SPOTS, SWAPS, Place, named
from tests.virtual_time import run_with_sockets

BARS = 4
GRACE_NS = 3 * S_NS  # of what a busy machine brings late: only some venues number what they tell
COUNTS = (1, 2, 30)
PLAN = TradePlan(rate=15, past_ms=60_000, past_rate=3)


async def ingested(place: Place, count: int, **changed: object) -> None:
    """Some bars of so many markets, each as the history has it."""
    listings = {f"{one.base}USDT": one for one in markets(named(place), count)}
    names = {sym: place.market_of(one.base) for sym, one in listings.items()}
    bus = new_bus(lease_s=30.0)
    async with serving(place.fake or place.exchange, plan=PLAN, listings=tuple(listings.values())) as fake:
        options: LiveOptions = replace(
            OPTIONS, exchange=place.exchange, markets=names, base_url=fake.url, grace_ns=GRACE_NS, **changed
        )  # type: ignore[arg-type]
        async with ingesting_of(bus, options):
            for sym in listings:
                await until_ticks(bus, BARS, sym, within_s=50)
        for sym, listing in listings.items():
            found = ticks(bus, sym)
            assert not [message for message in told(bus, sym) if isinstance(message, Gap)]
            ends = [tick.ts_event for tick in found]
            assert ends == list(range(ends[0], ends[0] + len(ends) * S_NS, S_NS))
            wanted = [perfect(fake.histories[listing.id], end, 1, fake) for end in ends]
            wrong = [(tick, price) for tick, price in zip(found, wanted, strict=True) if tick.price != price]
            assert not wrong, fake.state.now_ms()


@pytest.mark.long
@pytest.mark.parametrize("place", SWAPS + SPOTS, ids=named)
def test_ticks_are_the_bars_of_the_tape(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """All at the same time.

    The middle of bid and ask is not asked of Binance's spot market, where the best prices have no time of their own:
    those around a bar's end are of either. Hyperliquid has none by websocket, and takes ten connections.
    """

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as tasks:
            for count in COUNTS if place in SWAPS else (2,):
                tasks.create_task(ingested(place, min(count, 10) if place is HYPERLIQUID else count))
            if place not in (BINANCE_SPOT, HYPERLIQUID):
                tasks.create_task(ingested(place, 2, price="mid"))

    run_with_sockets(all_of_them(), monkeypatch, clocks=True)
