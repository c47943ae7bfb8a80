"""The operating curve's compiled twin says what the stage says."""

import numpy as np
import pytest

from shared.drift.stage import DriftStage
from shared.drift.twin import Costs
from shared.drift.wealth import bets_against, bets_for
from shared.messages.monitor import DriftReading
from tests.unit.drift.lines import BAR_NS, decision, prediction
from tests.unit.drift.references import REFERENCE, SYM

pytest.importorskip("numba")
BARS, SHARE_FLAT = 100_000, 0.2


@pytest.mark.long
@pytest.mark.parametrize("legs", [True, False])
def test_it_equals_the_stage_over_100_000_bars(legs: bool) -> None:
    from tests.bench.drift.compiled import evidence_of, nets_of

    rng = np.random.default_rng(7)
    bars = BARS if legs else BARS // 20
    noise = rng.standard_t(4, bars) * np.where(np.arange(bars) // 300 % 2, 0.02, 0.005)
    prices = np.maximum(np.round(100 * np.exp(np.cumsum(noise - noise.mean())), 8), 1e-6)
    sides = np.where(rng.random(bars) < SHARE_FLAT, 0, rng.choice([-1, 1], bars)).astype(np.float64)
    rates = rng.normal(0, 1e-4, bars)
    stage = DriftStage([SYM], Costs(0.0003, 1.0, legs), REFERENCE)
    read: list[DriftReading] = []
    held = 0
    for n, (price, side, rate) in enumerate(zip(prices.tolist(), sides.tolist(), rates.tolist(), strict=True), 1):
        read += stage.on_tick(prediction(n, price, rate=rate))
        read += stage.on_tick(decision(n, int(side), held))
        held = int(side)
    mean = stage.least_mean
    assert mean is not None
    nets = nets_of(prices, sides, rates, float(BAR_NS), Costs(0.0003, 1.0).rate, legs)
    rows = evidence_of(nets, REFERENCE.sd_net, mean, np.array(bets_against(mean)), np.array(bets_for()))
    assert len(read) == len(rows) > bars / 2
    found = np.array([[each.x, each.decay, each.claim, each.edge] for each in read])
    expected = np.column_stack([rows[:, 0], np.exp(np.minimum(rows[:, 1:], np.log(1e300)))])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)
