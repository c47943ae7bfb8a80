"""The net return of each held bar: against a loop over money, and against what must not matter."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.research.verdict.held import HeldReturns, HeldSeries, Sample
from shared.history.times import MAX_NS
from shared.models.card import Card
from tests.unit.research.metrics.series import in_pieces

FEE = 0.001
# What each bar brings: the price's move in basis points, and the position that is wanted at its end.
BARS = st.lists(st.tuples(st.integers(-500, 500), st.sampled_from([-1, 0, 1])), min_size=2, max_size=60)


class Account:
    """An account that trades each bar's wish at its close: the old position is closed, and the new one opened."""

    def __init__(self, bars: Sequence[tuple[int, int]], leverage: float = 1.0) -> None:
        price, equity, units, paid = 100.0, 1_000.0, 0.0, 0.0
        self.marks: list[tuple[int, float, float, float, float]] = []
        self.net: list[float] = []  # of each held bar, by the definition
        into = 0.0
        for at, (move, side) in enumerate(bars):
            before, value = price, abs(units * price)
            price *= 1 + move / 1e4
            equity += units * (price - before)
            out = FEE * abs(units) * price
            if units:
                self.net.append((units * (price - before) - into - out) / value)
            equity -= out
            units = side * leverage * equity / price
            into = FEE * abs(units) * price
            equity -= into
            paid += into + out
            self.marks.append((at + 1, price, equity, units * price / equity, paid))

    def columns(self) -> list[np.ndarray]:  # type: ignore[type-arg]
        ts, *others = zip(*self.marks, strict=True)
        return [np.array(ts, np.int64), *map(np.array, others)]


@given(BARS, st.integers(1, 61))
def test_each_held_bar_has_its_own_money(bars: list[tuple[int, int]], size: int) -> None:
    account, held = Account(bars), HeldReturns(1_000.0, Sample(0))
    in_pieces(held.add, size, *account.columns())
    assert held.outside.net.values() == pytest.approx(account.net, rel=1e-6, abs=1e-9)
    assert held.inside.net.n == 0


@given(BARS, st.sampled_from([0.5, 3.0]))
def test_leverage_drops_out(bars: list[tuple[int, int]], leverage: float) -> None:
    one, other = HeldReturns(1_000.0, Sample(0)), HeldReturns(1_000.0, Sample(0))
    one.add(*Account(bars).columns())
    other.add(*Account(bars, leverage).columns())
    assert other.outside.net.values() == pytest.approx(one.outside.net.values(), rel=1e-6, abs=1e-9)


@given(BARS, st.integers(0, 61))
def test_a_bar_belongs_to_the_sample_that_it_was_decided_in(bars: list[tuple[int, int]], until: int) -> None:
    account, held, whole = Account(bars), HeldReturns(1_000.0, Sample(until)), HeldReturns(1_000.0, Sample(0))
    held.add(*account.columns())
    whole.add(*account.columns())
    decided = [at for at, (_, side) in enumerate(bars[:-1], 1) if side]  # the bar's start
    assert held.inside.net.n == sum(at < until for at in decided)
    both = [*held.inside.net.values(), *held.outside.net.values()]
    assert both == pytest.approx(whole.outside.net.values(), abs=1e-12)
    assert held.inside.costs + held.outside.costs == pytest.approx(whole.outside.costs, abs=1e-12)


def test_what_fills_at_the_open_has_all_of_its_bar() -> None:
    """Decided at the first close, opened at the next open for 1 of fees, closed at the one after that for another."""
    ts, price = np.array([1, 2, 3, 4]), np.array([100.0, 110.0, 110.0, 120.0])
    equity, exposure = np.array([1_000.0, 1_049.0, 1_048.0, 1_048.0]), np.array([0.0, 1.0, 0.0, 0.0])
    held = HeldReturns(1_000.0, Sample(0), at_open=True)
    held.add(ts, price, equity, exposure, np.array([0.0, 1.0, 2.0, 2.0]))
    assert held.outside.net.values() == pytest.approx([49 / 1_049, -1 / 1_049])
    assert held.outside.costs == pytest.approx(2 / 1_049)


def test_what_came_and_went_within_a_bar_is_not_lost() -> None:
    """A position that was opened and liquidated between two closes leaves its loss, of the equity."""
    held = HeldReturns(1_000.0, Sample(0), at_open=True)
    held.add(np.array([1, 2]), np.array([100.0, 100.0]), np.array([1_000.0, 900.0]), np.zeros(2), np.array([0.0, 1.0]))
    assert held.outside.net.values() == pytest.approx([-0.1])


def test_ruin_ends_in_a_number() -> None:
    held = HeldReturns(100.0, Sample(0))
    exposure = np.array([1.0, np.inf, -0.5])
    held.add(np.array([1, 2, 3]), np.array([10.0, 5.0, 4.0]), np.array([100.0, 0.0, -3.0]), exposure, np.zeros(3))
    assert held.outside.net.values() == pytest.approx([-1.0])  # what comes after it is of nothing


@given(st.lists(st.integers(-9, 9), max_size=200), st.integers(1, 61), st.integers(2, 20))
def test_a_long_series_keeps_its_mean(values: list[int], size: int, limit: int) -> None:
    series, floats = HeldSeries(limit), np.array(values, np.float64)
    in_pieces(series.add, size, floats)
    assert series.n == len(values)
    assert len(series.values()) <= limit
    assert len(series.values()) * series.length <= len(values)
    if values:
        assert series.mean == pytest.approx(floats.mean(), abs=1e-12)


def card(**training: object) -> Card:
    given = {"name": "a", "model": "LinearModel", "features": "log_return_lags(1)", "no_features": 1, "origin": "o"}
    return Card.model_validate({**given, "symbols": ["BTCUSDT"], "interval": "1d", "sha256": "0" * 64, **training})


def test_the_card_says_what_the_model_has_seen() -> None:
    numbers = {"n": 2, "mean": 0.0, "std": 1.0, "quantiles": {0.0: 0.0, 1.0: 1.0}}
    seen = {"start": "2024-01-01T00:00:00Z", "end": "1970-01-01T00:00:01Z", "samples": 3}
    scored = {"fee": 0.0, "scores": {"in_sample": {"samples": 3}}, "features": [numbers], "y_hat": numbers}
    assert Sample.of(card(training={**scored, "train": seen})).fitted_until == 10**9
    for unknown in (card(), card(training=scored)):
        found = Sample.of(unknown)
        assert (found.fitted_until, "does not say" in found.why) == (MAX_NS, True)
    assert (Sample.of(None).fitted_until, Sample.of(None).note[:19]) == (0, "No model was fitted")
