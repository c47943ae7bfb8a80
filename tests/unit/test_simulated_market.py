"""One market at the present time: the ingestor's ticks and the simulator's quotes."""

import math
import tracemalloc
from decimal import Decimal
from itertools import islice
from zlib import crc32

import numpy as np
import pytest

from services.ingestor.simulated import PresentSource
from services.ingestor.source import Quote
from services.simulator.binance.dialect import swap
from services.simulator.dialects import LISTED_AS
from services.simulator.engine.prices import SimulatedPrices
from shared.simulated_market import BLOCK, EPOCH_NS, PHI, SIGMA, START_PRICES, PresentMarket, ReturnProcess

S_NS, S_MS = 10**9, 10**3
FIRST = 60 * BLOCK - 3  # a block ends among the ticks


class Clock:
    def __init__(self) -> None:
        self.now_ns = EPOCH_NS + FIRST * S_NS

    def __call__(self) -> int:
        return self.now_ns


def test_it_is_the_series_of_the_simulated_market() -> None:
    market = PresentMarket(7, S_NS)
    series = ReturnProcess(7, "BTCUSDT", PHI, SIGMA, START_PRICES["BTCUSDT"]).cents(FIRST - 1)
    assert [market.price("BTCUSDT", FIRST + k) for k in range(6)] == [
        Decimal(next(series)).scaleb(-2) for _ in range(6)
    ]


def test_it_is_what_the_formula_says_of_whole_blocks() -> None:
    """The series is made some shocks at a time; here of whole blocks, as the module's first lines have it."""
    r, level, prices = 0.0, math.log(100.0), list[int]()
    for block in range(2):
        key = (7, crc32(b"SIM-A"))
        z = np.random.Generator(np.random.Philox(key=key, counter=(0, 0, 0, block))).standard_normal(BLOCK)
        for shock in ((z - math.fsum(z.tolist()) / BLOCK) * SIGMA).tolist():
            r = PHI * r + shock
            level += r
            prices.append(max(1, round(math.exp(level) * 100)))
    assert list(islice(ReturnProcess(7, "SIM-A", PHI, SIGMA, 100.0).cents(0), BLOCK + 1_000)) == prices[: BLOCK + 1_000]


def test_a_symbol_at_work_holds_no_block_of_its_series() -> None:
    """Ten thousand of them would need gigabytes."""
    next(ReturnProcess(7, "S", PHI, SIGMA, 100.0).cents(0))  # what is made once
    series = []
    tracemalloc.start()
    for number in range(20):
        series.append(ReturnProcess(7, f"S{number}", PHI, SIGMA, 100.0).cents(0))
        next(series[-1])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held / len(series) < 20_000, "a block as floats has half a million bytes"


def test_at_any_time_the_exchange_quotes_around_the_newest_tick() -> None:
    clock = Clock()
    prices = SimulatedPrices([swap()], PresentMarket(3, S_NS))
    feed = PresentSource(["BTCUSDT"], 3, "1s", clock=clock).open("BTCUSDT", 0)
    for _ in range(8):
        (tick,) = feed.take(100)
        for later_ms in (0, 999):
            quote = prices.quote("BTCUSDT", tick.ts_event // 10**6 + later_ms)
            assert abs(quote.mid - tick.price) <= Decimal("0.05")
            assert quote.ask - quote.bid == Decimal("0.20")
        clock.now_ns += S_NS


@pytest.mark.parametrize("venue", LISTED_AS)
def test_a_venue_that_names_it_otherwise_has_the_same_prices(venue: str) -> None:
    clock = Clock()
    listing = LISTED_AS[venue]("BTC", Decimal(42_000))
    (tick,) = PresentSource(["BTCUSDT"], 3, "1s", clock=clock).open("BTCUSDT", 0).take(1)
    quote = SimulatedPrices([listing], PresentMarket(3, S_NS)).quote(listing.id, tick.ts_event // 10**6)
    assert abs(quote.mid - tick.price) <= listing.tick / 2


def test_a_price_that_was_set_stands() -> None:
    prices = SimulatedPrices([swap()], PresentMarket(3, S_NS))
    prices.set("BTCUSDT", Decimal("50000.00"))
    assert {prices.quote("BTCUSDT", EPOCH_NS // 10**6 + k * S_MS).mid for k in range(1, 4)} == {Decimal(50_000)}


def test_ticks_come_when_they_are_due_and_a_pause_is_not_made_up_for() -> None:
    clock = Clock()
    source = PresentSource(["ETHUSDT", "BTCUSDT"], 3, "1s", clock=clock)
    feed = source.open("BTCUSDT", 0)
    assert source.symbols == ("BTCUSDT", "ETHUSDT")
    assert [quote.ts_event for quote in feed.take(10)] == [clock.now_ns]
    clock.now_ns += S_NS // 4
    assert (feed.take(10), feed.due_in_s()) == ([], 0.75)
    clock.now_ns += 3 * S_NS
    assert feed.due_in_s() == 0.0
    late = feed.take(2) + feed.take(10)
    assert [(quote.ts_event - EPOCH_NS) // S_NS - FIRST for quote in late] == [1, 2, 3]

    clock.now_ns += 3_600 * S_NS
    again: list[Quote] = source.open("BTCUSDT", 4).take(10)
    assert [clock.now_ns - quote.ts_event for quote in again] == [S_NS // 4], "from now on, at once"


@pytest.mark.parametrize(("position", "left"), [(0, 2), (1, 1), (2, 0), (5, 0)])
def test_the_limit_counts_what_was_taken_before(position: int, left: int) -> None:
    clock = Clock()
    feed = PresentSource(["BTCUSDT"], 3, "1s", limit=2, clock=clock).open("BTCUSDT", position)
    clock.now_ns += 10 * S_NS
    assert len(feed.take(100)) == left
    assert (feed.take(100), feed.due_in_s()) == ([], None)
