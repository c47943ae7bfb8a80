"""Both engines do the same, whatever prices, predictions and terms come; what is close is handed back."""

import math
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.research.fast import OnlyExact
from tests.examples import examples
from tests.unit.research.fast.made import bars_of, compared, fast_run, settings_of

COARSE = st.integers(5, 15).map(lambda tick: Decimal(tick) / 2)  # it repeats
FINE = st.decimals("0.5", "5000", places=3)
THRESHOLD = 0.001953125  # exact in float32, as predictions are
NEAR = (THRESHOLD, math.nextafter(THRESHOLD, 0), math.nextafter(THRESHOLD, 1))
Y_HATS = st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 0.25, -0.25, 0.5, *NEAR, *(-near for near in NEAR)])
SIZES = st.sampled_from([{"sizing": "compounding"}, {"sizing": "constant"}, {"sizing": "fraction", "fraction": "0.3"}])


@st.composite
def markets(draw: st.DrawFn) -> tuple[list[Decimal], list[float]]:
    prices = draw(st.lists(draw(st.sampled_from([COARSE, FINE])), min_size=3, max_size=40))
    prices[1:2] = [prices[0] + 1]  # it moves, or there is nothing to trade
    return prices, draw(st.lists(Y_HATS, min_size=len(prices), max_size=len(prices)))


@settings(max_examples=examples(150))
@given(
    market=markets(),
    size=SIZES,
    leverage=st.sampled_from(["1", "0.7", "3", "10"]),
    fee=st.sampled_from(["0", "0.0003", "0.01"]),
    slippage=st.sampled_from(["0", "5"]),
    step=st.sampled_from([None, "0.001", "0.3", "100"]),
)
def test_both_do_the_same(
    market: tuple[list[Decimal], Sequence[float]],
    size: dict[str, str],
    leverage: str,
    fee: str,
    slippage: str,
    step: str | None,
) -> None:
    prices, y_hats = market
    params: dict[str, Any] = {"threshold": THRESHOLD, "leverage": leverage, **size}
    given = settings_of(fee, slippage, name="threshold", params=params, qty_step=step)
    with suppress(OnlyExact):  # something is close
        compared(given, bars_of(prices), y_hats)


def test_most_of_it_is_traded_fast() -> None:
    rng = np.random.default_rng(1)
    prices = [Decimal(str(round(100 * math.exp(x), 2))) for x in np.cumsum(0.01 * rng.standard_normal(2_000))]
    y_hats = [0.0, *(0.01 * rng.standard_normal(1_999)).astype(np.float32).tolist()]
    found = compared(settings_of(), bars_of(prices), y_hats)
    assert found.fills == 2 * 1_999 - 1
    assert found.kept is not None
    assert found.kept.bar.tolist()[:3] == [1, 2, 2]


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
