"""Real gateway processes, killed and stopped while they send orders through unmodified ccxt, every fault on."""

import random
from pathlib import Path

import pytest

from tests.chaos.counts import CountsFile
from tests.chaos.sums import BUS, PLAIN
from tests.chaos.traders import Say, Size, disturbed, judged, traders
from tests.simulator_venues import BINANCE, HYPERLIQUID, SWAPS, Place, named


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("place", SWAPS, ids=named)
async def test_every_order_is_sent_once_and_known(
    folder: Path, rng: random.Random, short: bool, say: Say, counts_file: CountsFile, place: Place
) -> None:
    rests = 0 if place is HYPERLIQUID else 1  # nothing rests there
    size = Size(4, 2, rests) if short else Size(70, 15, 10 * rests)
    with counts_file.form(PLAIN, place.exchange) as counts:
        async with traders(folder, rng, place, size.orders) as them:
            await disturbed(them, size, say)
        await judged(them, place, say, counts)


@pytest.mark.timeout(3000)
async def test_a_bus_that_loses_writes_too(
    folder: Path, rng: random.Random, short: bool, say: Say, counts_file: CountsFile
) -> None:
    """Books, stream and position come out of the journal again."""
    size = Size(5, 4) if short else Size(40, 20)
    with counts_file.form(BUS, BINANCE.exchange) as counts:
        async with traders(folder, rng, BINANCE, size.orders, bus_too=True) as them:
            await disturbed(them, size, say)
        await judged(them, BINANCE, say, counts)
        assert them.disturber.done["bus killed"]
