"""The simulated market: the same prices from anywhere, the stated process, an edge for its model, and its pace."""

from decimal import Decimal
from itertools import islice
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingestor.simulated import START_PRICE, SYMBOLS, SimulatedSource
from services.ingestor.source import Quote
from shared.errors import ConfigError
from shared.intervals import NS_PER_S
from shared.simulated_market import BLOCK, EPOCH_NS, PHI, SIGMA, ReturnProcess
from tests.examples import examples


class Clock:
    """A clock that goes only when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def fast(**changed: Any) -> SimulatedSource:
    return SimulatedSource(**{"ticks_per_s": 0.0, **changed})


def take(source: SimulatedSource, sym: str, position: int, count: int) -> list[Quote]:
    return source.open(sym, position).take(count)


def log_returns(source: SimulatedSource, sym: str, count: int) -> Any:
    return np.diff(np.log([float(quote.price) for quote in take(source, sym, 0, count)]))


def test_a_tick_is_known_at_the_end_of_its_interval_and_priced_in_cents() -> None:
    quotes = take(fast(interval="5m"), "SIM-C", 0, 3)
    assert [quote.ts_event for quote in quotes] == [EPOCH_NS + n * 300 * NS_PER_S for n in (1, 2, 3)]
    assert all(quote.sym == "SIM-C" and quote.price.as_tuple().exponent == -2 for quote in quotes)


def test_the_default_symbols_stand_sorted_and_differ() -> None:
    source = fast()
    assert source.venue == "simulated"
    assert source.symbols == SYMBOLS
    assert len({tuple(quote.price for quote in take(source, sym, 0, 20)) for sym in SYMBOLS}) == len(SYMBOLS)


def test_known_prices_stay_what_they_were() -> None:
    # A change of these is a change of the market: every recorded run of it would be another one.
    assert [str(quote.price) for quote in take(fast(seed=7), "SIM-A", 0, 5)] == PRICES_AT_0
    assert [str(quote.price) for quote in take(fast(seed=7), "SIM-A", 10_000_000, 5)] == PRICES_AT_10_MILLION


@settings(max_examples=examples(25), deadline=None)
@given(
    position=st.integers(0, 3 * BLOCK) | st.sampled_from([BLOCK - 1, BLOCK, BLOCK + 1]),
    counts=st.lists(st.integers(0, 400), min_size=1, max_size=5),
)
def test_opened_anywhere_and_taken_in_any_pieces_it_is_the_same_series(position: int, counts: list[int]) -> None:
    feed = fast(seed=3).open("SIM-B", position)
    pieces = [quote for count in counts for quote in feed.take(count)]
    assert pieces == SERIES[position : position + sum(counts)]


def test_ten_million_ticks_in_it_opens_at_once_and_goes_on_alike() -> None:
    near, far = (fast(seed=3).open("SIM-B", position) for position in (10_000_000 - 500, 10_000_000))
    assert near.take(1_000)[500:] == far.take(500)


@pytest.mark.parametrize("phi", [-0.9, -0.5, 0.0, 0.3])
def test_the_returns_are_the_stated_process_across_block_edges(phi: float) -> None:
    # At a price of a million the cents hide nothing: r_n - phi r_(n-1) must be sigma e_n to the rounding.
    process = ReturnProcess(5, "SIM-A", phi, 0.001, 1_000_000.0)
    prices = np.array([1e8, *islice(process.cents(0), 2 * BLOCK)])
    returns = np.concatenate([[0.0], np.diff(np.log(prices))])
    drawn = [
        np.random.Generator(np.random.Philox(key=(5, crc32(b"SIM-A")), counter=(0, 0, 0, block))).standard_normal(BLOCK)
        for block in (0, 1)
    ]
    stated = 0.001 * np.concatenate([z - z.mean() for z in drawn])
    assert np.abs(returns[1:] - phi * returns[:-1] - stated).max() < 5e-8
    at_block_end = np.log(prices[BLOCK] / 1e8)
    assert at_block_end == pytest.approx(-phi / (1 - phi) * returns[BLOCK], abs=5e-8)


@pytest.mark.parametrize("sym", SYMBOLS)
def test_its_model_has_an_edge(sym: str) -> None:
    returns = log_returns(fast(seed=11), sym, 20_000)
    forecast = PHI * returns[:-1]
    assert np.corrcoef(forecast, returns[1:])[0, 1] > 0.45
    assert returns.std() == pytest.approx(SIGMA / np.sqrt(1 - PHI**2), rel=0.05)
    # Regression on three lags finds the stated weights: (phi, 0, 0), newest first.
    lags = np.column_stack([returns[2:-1], returns[1:-2], returns[:-3]])
    weights = np.linalg.lstsq(lags, returns[3:], rcond=None)[0]
    assert weights == pytest.approx([PHI, 0.0, 0.0], abs=0.03)


def test_the_level_stays_around_the_start_price() -> None:
    far = [quote.price for block in (0, 99, 610, 10_000) for quote in take(fast(), "SIM-D", block * BLOCK, BLOCK)]
    assert START_PRICE * Decimal("0.75") < min(far) < max(far) < START_PRICE * Decimal("1.33")


def test_another_seed_is_another_market() -> None:
    assert take(fast(seed=1), "SIM-A", 0, 20) != take(fast(seed=2), "SIM-A", 0, 20)


def test_the_pace_is_kept_per_symbol_from_the_moment_of_opening() -> None:
    clock = Clock()
    source = SimulatedSource(ticks_per_s=10.0, clock=clock)
    feed = source.open("SIM-A", 5)
    assert feed.due_in_s() == 0.0
    assert len(feed.take(100)) == 1  # the first at once
    assert feed.take(100) == []
    assert feed.due_in_s() == pytest.approx(0.1)
    clock.now_s += 0.05
    assert feed.due_in_s() == pytest.approx(0.05)
    clock.now_s += 1.0
    other = source.open("SIM-B", 0)
    assert len(feed.take(4)) == 4
    assert len(feed.take(100)) == 6
    assert len(other.take(100)) == 1


@given(st.floats(0.01, 5_000.0), st.integers(1, 50))
def test_whoever_sleeps_until_a_tick_is_due_gets_it(ticks_per_s: float, count: int) -> None:
    clock = Clock()
    feed = SimulatedSource(ticks_per_s=ticks_per_s, clock=clock).open("SIM-A", 0)
    sleeps, quotes = 0, 0
    while quotes < count and sleeps < 2 * count:
        due_in_s = feed.due_in_s()
        assert due_in_s is not None
        if due_in_s:
            clock.now_s += due_in_s
            sleeps += 1
        else:
            taken = len(feed.take(1_000))
            assert taken == 1
            quotes += taken
    assert quotes == count


def test_the_limit_counts_all_ticks_of_a_symbol() -> None:
    source = fast(limit=7)
    feed = source.open("SIM-A", 4)
    assert [quote.ts_event for quote in feed.take(100)] == [EPOCH_NS + n * NS_PER_S for n in (5, 6, 7)]
    assert feed.due_in_s() is None
    assert feed.take(100) == []
    assert source.open("SIM-A", 7).due_in_s() is None
    assert source.open("SIM-A", 8).take(1) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"symbols": ()},
        {"symbols": ("",)},
        {"seed": -1},
        {"seed": 2**64},
        {"ticks_per_s": -1.0},
        {"ticks_per_s": float("nan")},
        {"limit": -1},
        {"phi": 1.0},
        {"phi": -1.0},
        {"sigma": 0.0},
        {"sigma": float("nan")},
        {"start_price": Decimal("0.5")},
    ],
)
def test_parameters_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        fast(**wrong)


def test_an_unknown_symbol_and_a_negative_position_are_refused() -> None:
    with pytest.raises(ConfigError, match="no BTCUSDT"):
        fast().open("BTCUSDT", 0)
    with pytest.raises(ValueError, match="negative"):
        fast().open("SIM-A", -1)


PRICES_AT_0 = ["99.95", "99.97", "99.90", "99.89", "99.78"]
PRICES_AT_10_MILLION = ["96.18", "96.24", "96.15", "96.15", "95.85"]
SERIES = take(fast(seed=3), "SIM-B", 0, 3 * BLOCK + 2_000)
