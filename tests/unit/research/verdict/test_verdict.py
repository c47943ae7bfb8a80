"""What is said of an edge: of planted ones, of none, of too little, and of the shipped model."""

import numpy as np
import pytest

from services.research.backtest.variants import TimeRange, run_variants
from services.research.backtest.venue import VenueRules
from services.research.statistics import Floats
from services.research.verdict.held import HeldBars
from services.research.verdict.verdict import LEAST, Verdict, judged
from shared.config import load_settings
from tests.unit.research.backtest.test_notebook import FEE, REAL, SYM

DAY_NS = 86_400 * 10**9


def part(net: Floats, cost: float = 0.0) -> HeldBars:
    """Held bars of a day each."""
    made, ts = HeldBars(), np.arange(1, len(net) + 1) * DAY_NS
    made.add(ts, ts + DAY_NS, np.ones(len(net), np.bool_), net, net + cost)
    return made


def noise(n: int, mean: float, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(mean, 0.01, n)


def test_a_planted_edge_is_shown() -> None:
    found = judged(part(noise(1_000, 0.002), cost=0.001))
    assert found.shown and found.more_days is None
    assert found.low is not None and 0 < found.low < 0.002
    assert found.costs_of_gross == pytest.approx(0.001 / (noise(1_000, 0.002).mean() + 0.001))
    assert str(found).startswith("edge shown at 95 %: net mean +0.1")
    assert "costs took 40 %" in str(found)


def test_without_an_edge_few_are_shown() -> None:
    shown = [judged(part(noise(200, 0.0, seed)), resamples=200).shown for seed in range(200)]
    assert sum(shown) <= 12  # 5 expected at 2.5 %


def test_a_loss_has_no_days_to_wait_for() -> None:
    found = judged(part(noise(500, -0.002), cost=0.0005))
    assert (found.shown, found.more_days, found.costs_of_gross) == (False, None, None)
    assert "it lost before costs, too" in str(found)


def test_so_many_days_more_show_it_four_times_in_five() -> None:
    """Where the mean is the true one: 100 days of t = 1 need about 690 more."""
    first = part(noise(100, 0.0))
    values = first.net.values()
    exactly = (values - values.mean()) / values.std(ddof=1) * 0.01 + 0.001  # t = 1, but for lags
    found = judged(part(exactly))
    assert found.more_days is not None
    days = 100 + round(found.more_days)
    wins = [judged(part(noise(days, 0.001, seed)), resamples=200).shown for seed in range(1, 151)]
    assert 0.7 < np.mean(wins) < 0.9


@pytest.mark.parametrize("held", [0, 1, LEAST - 1])
def test_of_too_little_nothing_is_said(held: int) -> None:
    found = judged(part(noise(held, 0.05)), why="all of these bars were known")
    assert (found.held, found.shown, found.t) == (held, False, None)
    expected = f"{held} held bar" if held else "all of these bars were known"
    assert str(found).startswith(f"no edge shown: {expected}")


def test_returns_that_do_not_vary_prove_nothing() -> None:
    assert "do not vary" in str(judged(part(np.full(50, 0.01))))


def test_it_is_said_in_one_line() -> None:
    assert "\n" not in str(Verdict(held=50, mean=0.1, t=1.0, low=-0.1, high=0.3, more_days=4_000.0))


@pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} is not here")
def test_the_shipped_model_shows_no_edge() -> None:
    settings = load_settings(
        interval="12h",
        symbols=(SYM,),
        run_id="backtest",
        signal={"model": "btcusdt_12h_linear"},
        ingestor={"source": "replay", "files": {SYM: REAL}},
        strategy={"balance": "100"},
        gateway={"fee": str(FEE)},
    )
    done = run_variants(settings, VenueRules(), TimeRange(None, None), [], curves=False)
    for name, one in done.items():
        results, verdict = one.results, one.results.verdict
        assert (verdict.conclusion, verdict.edge_shown, verdict.held) == ("no edge shown", False, 172), name
        assert results.in_sample is not None and results.in_sample.held == 516
        assert results.model.predictions == 172 and results.model.ic.value == pytest.approx(0.0422, abs=1e-4)
        assert results.model.ic.low is not None and results.model.ic.low < 0
        assert results.model_in_sample is not None
        assert results.model_in_sample.ic.value == pytest.approx(0.162, abs=1e-3)
    legs = done["legs"].results.verdict
    assert legs.costs_of_gross == pytest.approx(0.436, abs=0.002)
    assert legs.mean.value == pytest.approx(0.00078, abs=1e-5)
    assert legs.words in done["legs"].results.notes[-1]
