"""The contract of market data on three dialects, each with 1, 2 and 30 markets, at the pace of ccxt's own throttle.

Ticks are the bars of the venue's tape, none is missing or wrong, and history joins live without a seam.
"""

import asyncio
from dataclasses import replace

import pytest

from services.fake_exchange.feed_plan import FeedPlan
from services.fake_exchange.listing import markets
from services.fake_exchange.serve import serving
from services.ingestor.venue.options import LiveOptions
from shared.messages import Gap
from tests.integration.ingestor.line import OPTIONS, S_NS, ingesting_of, new_bus, perfect, ticks, told, until_ticks
from tests.venues import BINANCE, BINANCE_SPOT, BYBIT, OKX, SPOTS, SWAPS, Place, named

BARS = 4
PLAN = FeedPlan(rate=15, past_ms=60_000, past_rate=3)


async def ingested(place: Place, count: int, **changed: object) -> None:
    """Some bars of so many markets, each as the tape has it."""
    listings = {f"{one.base}USDT": one for one in markets(named(place), count)}
    suffix = ":USDT" if place.kind == "swap" else ""
    names = {sym: f"{one.base}/USDT{suffix}" for sym, one in listings.items()}
    bus = new_bus(lease_s=30.0)
    async with serving(place.fake or place.exchange, plan=PLAN, listings=tuple(listings.values())) as fake:
        options: LiveOptions = replace(OPTIONS, exchange=place.exchange, markets=names, base_url=fake.url, **changed)  # type: ignore[arg-type]
        async with ingesting_of(bus, options):
            for sym in listings:
                await until_ticks(bus, BARS, sym, within_s=50)
        for sym, listing in listings.items():
            found = ticks(bus, sym)
            assert not [message for message in told(bus, sym) if isinstance(message, Gap)]
            ends = [tick.ts_event for tick in found]
            assert ends == list(range(ends[0], ends[0] + len(ends) * S_NS, S_NS))
            wanted = [perfect(fake.tapes[listing.id], end, 1, fake) for end in ends]
            wrong = [(tick, price) for tick, price in zip(found, wanted, strict=True) if tick.price != price]
            assert not wrong, fake.feed.floor.now_ms()


def marked(place: Place, reason: str = "", **how: bool) -> object:
    """A case; with a reason, one in which the product is wrong until its mend is merged."""
    marks = [pytest.mark.xfail(reason=f"{place.exchange}: {reason}", **how)] if reason else []
    return pytest.param(place, id=named(place), marks=marks)


BY_UUID = "trades of one millisecond are put in order by their ids, which are random"
FEW = [marked(place, BY_UUID, strict=False) if place is BYBIT else marked(place) for place in SWAPS + SPOTS]
MANY = [
    marked(BINANCE),
    marked(OKX, "it connects more often than three times a second", run=False),
    marked(BYBIT, BY_UUID, strict=True),
]


@pytest.mark.parametrize("place", FEW)
async def test_ticks_are_the_bars_of_the_tape_with_1_and_2_markets(place: Place) -> None:
    await asyncio.gather(ingested(place, 1), ingested(place, 2))


@pytest.mark.parametrize("place", MANY)
async def test_ticks_are_the_bars_of_the_tape_with_30_markets(place: Place) -> None:
    await ingested(place, 30)


@pytest.mark.parametrize("place", [place for place in SWAPS + SPOTS if place is not BINANCE_SPOT], ids=named)
async def test_the_middle_of_bid_and_ask_is_that_of_the_tape(place: Place) -> None:
    """On Binance's spot market the best prices have no time of their own: those around a bar's end are of either."""
    await ingested(place, 2, price="mid")
