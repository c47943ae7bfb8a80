"""Both engines do the same, whatever prices, predictions and terms come; what is close is handed back."""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from services.research.fast import OnlyExact
from services.research.fast.engine import LEGS
from shared.messages import Leg
from tests.examples import examples
from tests.unit.research.fast.made import bars_of, compared, fast_run, settings_of, whole_bars

COARSE = st.integers(5, 15).map(lambda tick: Decimal(tick) / 2)  # it repeats
FINE = st.decimals("0.5", "5000", places=3)
THRESHOLD = 0.001953125  # exact in float32, as predictions are
NEAR = (THRESHOLD, math.nextafter(THRESHOLD, 0), math.nextafter(THRESHOLD, 1))
Y_HATS = st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 0.25, -0.25, 0.5, *NEAR, *(-near for near in NEAR)])
SIZES = st.sampled_from([{"sizing": "compounding"}, {"sizing": "constant"}, {"sizing": "fraction", "fraction": "0.3"}])


STEPS = st.sampled_from([None, "0.001", "0.3", "100"])
STOPS = st.sampled_from(
    [
        {"stop_bps": 300},
        {"take_profit_bps": 500, "after_stop": "flip"},
        {"trail_bps": 700, "after_stop": 3},
        {"stop_bps": 300, "take_profit_bps": 400, "trail_bps": 350},
    ]
)


@st.composite
def markets(draw: st.DrawFn) -> tuple[list[list[Decimal]], list[float]]:
    """Bars of four prices each, on a coarse tick or on none."""
    tick = draw(st.sampled_from([COARSE, FINE]))
    rows = draw(st.lists(st.lists(tick, min_size=4, max_size=4), min_size=3, max_size=40))
    rows[1][3] = rows[0][3] + 1  # it moves, or there is nothing to trade
    return rows, draw(st.lists(Y_HATS, min_size=len(rows), max_size=len(rows)))


@settings(max_examples=examples(300))
@given(
    market=markets(),
    size=SIZES,
    leverage=st.sampled_from(["1", "0.7", "3", "10"]),
    costs=st.tuples(st.sampled_from(["0", "0.0003", "0.01"]), st.sampled_from(["0", "5"])),
    step=STEPS,
    netting=st.booleans(),
    stops=st.one_of(st.none(), STOPS),
    fill=st.sampled_from(["decision", "next_open"]),
    margin=st.sampled_from([None, "0", "0.05"]),
    limit=st.sampled_from(["none", "50", "2000"]),
)
def test_both_do_the_same(
    market: tuple[list[list[Decimal]], Sequence[float]],
    size: dict[str, str],
    leverage: str,
    costs: tuple[str, str],
    step: str | None,
    netting: bool,
    stops: dict[str, Any] | None,
    fill: str,
    margin: str | None,
    limit: str,
) -> None:
    rows, y_hats = market
    params: dict[str, Any] = {
        "threshold": THRESHOLD,
        "leverage": leverage,
        "netting": netting and step is not None,
        **size,
    }
    if stops is not None and limit == "2000":
        limit = "none"  # a stop is not nearer than an entry may fill
    told = {"name": "threshold", "params": params, "qty_step": step, "max_slippage_bps": limit, "protect": stops or {}}
    handed_back = ""
    try:
        found = compared(settings_of(*costs, **told), whole_bars(rows), y_hats, fill=fill, maintenance_margin=margin)
        event(f"fills: {min(found.fills, 5)}")
    except OnlyExact as error:
        handed_back = error.kind
    event(f"handed back: {handed_back}")


def test_most_of_it_is_traded_fast() -> None:
    rng = np.random.default_rng(1)
    prices = [Decimal(str(round(100 * math.exp(x), 2))) for x in np.cumsum(0.01 * rng.standard_normal(2_000))]
    y_hats = [0.0, *(0.01 * rng.standard_normal(1_999)).astype(np.float32).tolist()]
    found = compared(settings_of(), bars_of(prices), y_hats)
    assert found.fills == 2 * 1_999 - 1
    assert found.kept is not None
    assert found.kept.bar.tolist()[:3] == [1, 2, 2]


@pytest.mark.parametrize(
    ("rows", "y_hat"), [(("90", "100", "99 120 88 97"), 0.5), (("90", "100", "101 112 80 103"), -0.5)]
)
def test_a_liquidation_and_a_trailing_stop_that_the_close_fires(rows: Sequence[str], y_hat: float) -> None:
    given = settings_of("0.001", params={"leverage": 10}, protect={"trail_bps": 1_500})
    bars = whole_bars([[*map(Decimal, row.split())] for row in rows])
    found = compared(given, bars, [0.0, y_hat, 0.0], maintenance_margin="0.01")
    assert found.kept is not None
    assert [LEGS[leg] for leg in found.kept.leg] == [Leg.OPEN, Leg.LIQUIDATION]


def test_constant_sizing_into_ruin_is_the_same_to_the_end() -> None:
    """Each bar costs an order pair, so that the money ends a little at a time; then nothing is sent any more."""
    prices = [Decimal(100), Decimal(101)] * 400
    given = settings_of("0.001", params={"sizing": "constant"})
    found = compared(given, bars_of(prices), [-0.5, 0.5] * 400)
    assert found.equity[-1] < 1e-2
    assert found.fills < 2 * 799 - 1


@pytest.mark.parametrize(("step", "kind"), [("0.5", "qty_step"), (None, "equity")])
def test_what_is_close_is_handed_back(step: str | None, kind: str) -> None:
    """100 at 50 are 4 steps of 0.5, to the last digit; and a short of all loses all when the price doubles."""
    given = settings_of("0", qty_step=step)
    with pytest.raises(OnlyExact, match="for float64") as found:
        fast_run(given, bars_of([Decimal(40), Decimal(50), Decimal(100)]), [0.0, -0.5, -0.5])
    assert found.value.kind == kind


@pytest.mark.parametrize(
    ("strategy", "why"),
    [
        ({"params": {"netting": True}}, "netting without a qty_step"),
        ({"wrappers": [{"name": "cool_down", "ticks": 2}]}, "another strategy than basic_taker"),
        ({"name": "moving_average_cross", "params": {"fast": 2, "slow": 5}}, "another strategy than basic_taker"),
    ],
)
def test_what_only_the_exact_engine_decides_is_said(strategy: dict[str, Any], why: str) -> None:
    with pytest.raises(OnlyExact, match=why):
        fast_run(settings_of(**strategy), bars_of([Decimal(1), Decimal(2)]), [0.0, 0.5])


@pytest.mark.parametrize("size", [{"sizing": "constant"}, {"sizing": "compounding"}])
def test_a_balance_of_which_no_digits_are_left_is_handed_back(size: dict[str, str]) -> None:
    """A liquidation without a maintenance margin takes all that the position has: 0, or what float64 makes of it."""
    given = settings_of("0", params={"leverage": "10", **size})
    rows = [[*map(Decimal, row.split())] for row in ("7 7", "7 7.3", "7.3 7 5.5 6", "6 7")]
    with pytest.raises(OnlyExact, match="equity too near"):
        fast_run(given, whole_bars(rows), [0.0, 0.5, 0.5, 0.5], maintenance_margin="0")
