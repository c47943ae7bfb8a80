"""Evidence: the published recursions, in plain products, and the bound that they promise."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.drift.days import BARS, bars_more
from shared.drift.scale import BOUND, HALF_LIFE, LEAST, Scale
from shared.drift.wealth import MOST, RUIN, Decay, bets_against, bets_for, claim_of, edge_above

MEAN = 0.05
XS = st.lists(st.floats(-20, BOUND), min_size=1, max_size=40)


@given(XS)
def test_decay_and_claim_are_the_recursions(xs: list[float]) -> None:
    """R <- (1 + R) L and the product of L, as stcpR6 has them for e-SR and the e-value."""
    bets = bets_against(MEAN)
    decay, claim, sums, products = Decay(MEAN), claim_of(MEAN), [0.0] * len(bets), [1.0] * len(bets)
    for x in xs:
        sums = [(1 + r) * (1 - bet * (x - MEAN)) for r, bet in zip(sums, bets, strict=True)]
        products = [w * (1 - bet * (x - MEAN)) for w, bet in zip(products, bets, strict=True)]
        assert decay.on_tick(x) == pytest.approx(math.log(sum(sums) / len(bets)), abs=1e-9)
        assert claim.on_tick(x) == pytest.approx(math.log(sum(products) / len(bets)), abs=1e-9)


@given(XS)
def test_the_evidence_of_an_edge_is_a_product_until_a_ruin(xs: list[float]) -> None:
    bets, edge, products = bets_for(), edge_above(), [1.0] * 8
    for x in xs:
        products = [0.0 if x < -RUIN else w * (1 + bet * x) for w, bet in zip(products, bets, strict=True)]
        found = edge.on_tick(x)
        assert math.exp(found) == pytest.approx(sum(products) / len(bets), rel=1e-9)
        assert edge.ruined == (not any(products))


@given(st.floats(0.001, 1.0), st.floats(-1e6, BOUND))
def test_no_bet_can_lose_all(mean: float, x: float) -> None:
    assert all(1 - bet * (x - mean) >= 1 - MOST - 1e-9 for bet in bets_against(mean))
    assert all(1 + bet * max(x, -RUIN) >= 1 - MOST - 1e-9 for bet in bets_for())


@pytest.mark.parametrize("mean", [0.0, -0.1, BOUND])
def test_a_floor_that_is_none_is_refused(mean: float) -> None:
    with pytest.raises(ValueError, match="a floor is between"):
        Decay(mean)


def test_scale_knows_the_bars_before_alone_and_is_floored() -> None:
    rng = np.random.default_rng(3)
    nets = [*rng.normal(0, 0.01, 200).tolist(), *[0.0] * 900, 0.001]
    scale, beta = Scale(0.01), 0.5 ** (1 / HALF_LIFE)
    found = [scale.on_tick(net) for net in nets]
    for n in (1, 50, 199):
        weights = [beta ** (n - 1 - k) * (1 - beta) for k in range(n)]
        variance = beta**n * 0.01**2 + sum(w * net**2 for w, net in zip(weights, nets[:n], strict=True))
        assert found[n] == pytest.approx(nets[n] / math.sqrt(variance))
    assert found[-1] == pytest.approx(0.001 / (LEAST * 0.01))


def test_a_gain_is_cut_off_and_a_loss_is_not() -> None:
    assert [Scale(0.01).on_tick(net) for net in (0.9, -0.9)] == [BOUND, pytest.approx(-90)]


@pytest.mark.parametrize("sd", [0.0, -1.0, math.nan])
def test_a_standard_deviation_that_is_none_is_refused(sd: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Scale(sd)


def test_the_longer_the_weaker_the_edge() -> None:
    means = [0.02, 0.025, 0.06, 0.1, 0.25, 0.3, 2.0]
    bars = [bars_more(mean) for mean in means]
    assert bars[0] == BARS[0.02] and bars[-1] == BARS[0.3]
    assert all(weak is not None and strong is not None and weak >= strong for weak, strong in pairwise(bars))
    assert bars_more(0.05, edge=0.0) == BARS[0.05]


@pytest.mark.long
def test_at_the_floor_an_alarm_comes_once_in_a_bars_or_less_often() -> None:
    """The bound, by the compiled twin: mean time to M >= A at a mean of m, less two standard errors."""
    pytest.importorskip("numba")
    from tests.bench.drift.runs import Market, Measure, d_at, times

    a, measure = 200, Measure(1.0, 0.1)
    found = times(d_at(measure.least_mean, measure, Market(), 200_000), measure, Market(), [a], 200 * a, 1_000, 5)[:, 0]
    assert found.mean() >= a - 2 * found.std(ddof=1) / math.sqrt(len(found))
    gone = times(0.0, measure, Market(), [a], 200 * a, 1_000, 5)[:, 0]
    assert np.median(gone) < np.median(found)
