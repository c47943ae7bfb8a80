"""The shipped features against numpy over whole windows, or against TA-Lib."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from shared.bar import Bar
from shared.errors import DataError
from shared.features.registry import make_feature
from tests.unit.features.bars import BARS

Floats = np.ndarray[Any, np.dtype[np.float64]]
PRICES = st.lists(st.floats(1, 1e4), min_size=1, max_size=40)


def series(spec: str, values: list[Any]) -> Floats:
    """The feature's results as they come, NaN for None, of shape (len, width)."""
    feature = make_feature(spec)
    results = [feature.on_tick(value) for value in values]
    rows = [[math.nan] * feature.width if result is None else np.ravel(result) for result in results]
    return np.array(rows, dtype=float)


def windows(values: Floats, n: int) -> Floats:
    return sliding_window_view(values, n) if len(values) >= n else np.empty((0, n))


def late(rows: Any, length: int) -> Floats:
    """The results of the full windows, after as many NaN as there were none."""
    found = np.asarray(rows, dtype=float)
    found = found[:, None] if found.ndim == 1 else found
    return np.concatenate([np.full((length - len(found), found.shape[1]), math.nan), found])


def z_scores(values: Floats, n: int) -> Floats:
    w = windows(values, n)
    deviation = w.std(axis=1)
    return np.where(np.ptp(w, axis=1) == 0, 0.0, (w[:, -1] - w.mean(axis=1)) / np.where(deviation == 0, 1, deviation))


def bands(values: Floats, n: int, deviations: float) -> Floats:
    w = windows(values, n)
    lower, upper = (w.mean(axis=1) + side * deviations * w.std(axis=1) for side in (-1, 1))
    flat = np.ptp(w, axis=1) == 0
    within = np.where(flat, 0.5, (w[:, -1] - lower) / np.where(flat, 1, upper - lower))
    return np.stack([within, np.where(flat, 0, (upper - lower) / w.mean(axis=1))], axis=1)


OF_PRICES: dict[str, Callable[[Floats, int], Any]] = {
    "rolling_mean({})": lambda p, n: windows(p, n).mean(axis=1),
    "rolling_std({})": lambda p, n: windows(p, n).std(axis=1),
    "z_score({})": z_scores,
    "bollinger({}, 2.5)": lambda p, n: bands(p, n, 2.5),
    "realised_volatility({})": lambda p, n: np.sqrt((windows(np.diff(np.log(p)), n) ** 2).sum(axis=1)),
}
# Windows of prices that differ by a rounding have no z-score that two ways of computing would agree on.
STEPS = st.lists(st.integers(100, 10_000).map(lambda cents: cents / 100), min_size=1, max_size=40)


@pytest.mark.parametrize("spec", OF_PRICES)
@given(prices=STEPS, n=st.integers(1, 9))
def test_prices_against_numpy(spec: str, prices: list[float], n: int) -> None:
    got = series(spec.format(n), prices)
    expected = late(OF_PRICES[spec](np.array(prices), n), len(prices))
    digits = 1e-6 if got.shape[1] > 1 else 1e-9  # those of several numbers are float32
    np.testing.assert_allclose(got, np.broadcast_to(expected, got.shape), rtol=digits, atol=digits)


@given(prices=PRICES, n=st.integers(2, 9))
def test_ema_against_ta_lib(prices: list[float], n: int) -> None:
    np.testing.assert_allclose(series(f"ema({n})", prices)[:, 0], talib.EMA(np.array(prices), n), rtol=1e-9)


@given(prices=PRICES, n=st.integers(2, 9))
def test_rsi_against_ta_lib(prices: list[float], n: int) -> None:
    values = np.array(prices)
    expected = talib.RSI(values, n)
    flat = np.maximum.accumulate(np.abs(np.diff(values, prepend=values[0]))) == 0
    expected = np.where(flat & ~np.isnan(expected), 50.0, expected)  # where TA-Lib says 0, as if all had been losses
    np.testing.assert_allclose(series(f"rsi({n})", prices)[:, 0], expected, rtol=1e-9, atol=1e-9)


@given(bars=st.lists(BARS, min_size=1, max_size=40), n=st.integers(2, 9))
def test_atr_against_ta_lib(bars: list[Bar], n: int) -> None:
    high, low, close = (np.array([getattr(bar, name) for bar in bars]) for name in ("high", "low", "close"))
    np.testing.assert_allclose(series(f"atr({n})", bars)[:, 0], talib.ATR(high, low, close, n), rtol=1e-9)


@given(prices=PRICES, n=st.integers(2, 9))
def test_bands_against_ta_lib(prices: list[float], n: int) -> None:
    values = np.array(prices)
    upper, middle, lower = talib.BBANDS(values, n, 2.0, 2.0)
    got = series(f"bollinger({n}, 2.0)", prices)
    wide = upper - lower > 0.1  # TA-Lib subtracts sums of squares, and is off by more below that
    width = np.where(wide, (upper - lower) / middle, got[:, 1])
    np.testing.assert_allclose(got[:, 1], width, rtol=1e-4)
    within = np.where(wide, (values - lower) / np.where(wide, upper - lower, 1), got[:, 0])
    np.testing.assert_allclose(got[:, 0], within, rtol=1e-4, atol=1e-4)


@given(volumes=st.lists(st.integers(0, 500).map(lambda v: v / 8), min_size=1, max_size=40), n=st.integers(1, 9))
def test_volume_z_against_numpy(volumes: list[float], n: int) -> None:
    bars = [Bar("A", 0, Decimal(1), 1.0, volume=volume) for volume in volumes]
    expected = late(z_scores(np.array(volumes), n), len(bars))
    np.testing.assert_allclose(series(f"volume_z({n})", bars), expected, rtol=1e-9, atol=1e-9)


@given(bars=st.lists(BARS, min_size=1, max_size=40), n=st.integers(1, 9))
def test_taker_imbalance_against_numpy(bars: list[Bar], n: int) -> None:
    volume, bought = (np.array([getattr(bar, name) for bar in bars]) for name in ("volume", "taker_volume"))
    all_, taken = windows(volume, n).sum(axis=1), windows(bought, n).sum(axis=1)
    expected = late(np.where(all_ > 0, (taken - (all_ - taken)) / np.where(all_ > 0, all_, 1), 0), len(bars))
    np.testing.assert_allclose(series(f"taker_imbalance({n})", bars), expected, rtol=1e-9, atol=1e-9)


@given(BARS)
def test_quotes_and_funding(bar: Bar) -> None:
    assert bar.bid is not None
    assert bar.ask is not None
    bid, ask = Decimal(bar.bid), Decimal(bar.ask)
    assert series("spread()", [bar]) == pytest.approx(float(2 * (ask - bid) / (ask + bid)), rel=1e-9, abs=1e-15)
    assert series("funding()", [bar]) == bar.funding_rate


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_times_against_the_calendar(moment: datetime) -> None:
    ts_event = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 10**9
    bar = Bar("A", ts_event, Decimal(1), 1.0)
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    for spec, share in (
        ("time_of_day()", seconds / 86400),
        ("time_of_week()", (moment.weekday() + seconds / 86400) / 7),
    ):
        assert series(spec, [bar])[0] == pytest.approx(
            [math.sin(2 * math.pi * share), math.cos(2 * math.pi * share)], abs=1e-5
        )


FLAT = [7.1] * 9  # no binary number, so a sum of them is rounded


@pytest.mark.parametrize(
    ("spec", "result"),
    [
        ("rolling_mean(5)", [7.1]), ("rolling_std(5)", [0.0]), ("z_score(5)", [0.0]), ("rsi(5)", [50.0]),
        ("bollinger(5)", [0.5, 0.0]), ("ema(5)", [7.1]), ("realised_volatility(5)", [0.0]),
    ],
)  # fmt: skip
def test_what_prices_without_movement_give(spec: str, result: list[float]) -> None:
    assert series(spec, FLAT)[-1].tolist() == result
    wild = [1e9, 1e-6, 5.0, 123.456]
    if spec not in ("rsi(5)", "ema(5)"):  # which never forget entirely
        assert series(spec, wild + FLAT)[-1].tolist() == result


@pytest.mark.parametrize(("spec", "result"), [("volume_z(3)", 0.0), ("taker_imbalance(3)", 0.0), ("atr(3)", 0.0)])
def test_what_silent_bars_give(spec: str, result: float) -> None:
    bar = Bar("A", 0, Decimal(2), 2.0, open=2.0, high=2.0, low=2.0, volume=0.0, taker_volume=0.0)
    assert series(spec, [bar] * 5)[-1] == result


def test_only_gains_and_only_losses() -> None:
    assert series("rsi(3)", [1, 2, 3, 4, 5])[-1] == 100
    assert series("rsi(3)", [5, 4, 3, 2, 1])[-1] == 0


@pytest.mark.parametrize("spec", ["rsi({})", "atr({})", "ema({})", "z_score({})", "bollinger({})", "volume_z({})"])
@pytest.mark.parametrize("n", [0, -3])
def test_n_must_be_positive(spec: str, n: int) -> None:
    with pytest.raises(ValueError, match=r"cannot be built: .* must be positive"):
        make_feature(spec.format(n))


@pytest.mark.parametrize("deviations", [0, -1.0])
def test_deviations_must_be_positive(deviations: float) -> None:
    with pytest.raises(ValueError, match="deviations must be positive"):
        make_feature(f"bollinger(20, {deviations})")


def test_a_source_without_a_field_is_named() -> None:
    bar = Bar("BTCUSDT", 0, Decimal(2), 2.0, open=2.0, high=2.0, low=2.0, volume=1.0)
    with pytest.raises(DataError, match=r"^taker_imbalance\(1\) needs taker_volume, which the source of BTCUSDT does"):
        make_feature("taker_imbalance()").on_tick(bar)
