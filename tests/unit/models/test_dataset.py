"""Samples against numpy over the whole series, and against the line itself."""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.research.in_process_line import InProcessLine, line_plans
from shared.bar import Bar
from shared.bar_groups import seen_bar
from shared.config import load_settings
from shared.errors import ConfigError
from shared.features import registry
from shared.features.feature import BarFeature, Feature
from shared.features.vector import FeatureVector
from shared.history import HistoryBar
from shared.messages import Features, Prediction
from shared.models.dataset import Seen, dataset, holdout, samples, walk_forward_splits
from shared.models.load_model import load_model
from shared.models.scores import predictions
from shared.windows.deque_window import DequeWindow
from tests.unit.research.train.market import HOUR_NS, hourly, prices_of, reverting_returns, write_prices

PRICES = st.lists(st.decimals("0.01", "1000000", places=2), max_size=30)


@given(PRICES, st.integers(1, 5))
def test_samples_are_lags_and_what_came_next(prices: list[Decimal], lags: int) -> None:
    data = dataset(hourly(prices), f"log_return_lags({lags})")
    returns = np.diff(np.log(np.array(prices, np.float64)))
    count = max(len(prices) - lags - 1, 0)
    assert data.x.dtype == np.float32
    assert data.x.shape == (count, lags) == (len(data), lags)
    for i in range(count):
        np.testing.assert_allclose(data.x[i], returns[i : i + lags][::-1], rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose([data.y[i], data.last[i]], [returns[i + lags], returns[i + lags - 1]], atol=1e-12)
        assert data.price[i] == float(prices[i + lags])
        assert (data.ts[i], data.ts_next[i]) == ((i + lags + 1) * HOUR_NS, (i + lags + 2) * HOUR_NS)


def test_more_samples_than_there_was_room_for() -> None:
    returns = reverting_returns(5_000)
    data = dataset(hourly(prices_of(returns)), "log_return_lags(1)")
    assert len(data) == 4_999
    np.testing.assert_allclose(data.x[:, 0], returns[:-1], atol=1e-6)


def test_features_and_predictions_are_the_lines_own_to_the_bit(tmp_path: Path) -> None:
    prices = prices_of(reverting_returns(200))
    file = write_prices(tmp_path / "bars.csv", prices, hours=12)
    settings = load_settings(
        interval="12h",
        symbols=("BTCUSDT",),
        run_id="r",
        ingestor={"source": "replay", "files": {"BTCUSDT": file}},
        signal={"model": "btcusdt_12h_linear"},
    )
    plans = line_plans(settings)
    line = InProcessLine(plans, "BTCUSDT")
    written = [message for quote in plans.source.open("BTCUSDT", 0).take(1_000) for message in line.on_tick(quote)]
    features = [message.values.numpy() for message in written if isinstance(message, Features)]
    answers = [message.y_hat for message in written if isinstance(message, Prediction)]
    assert answers[:3] == [None] * 3
    y_hat = answers[3:]
    data = dataset(hourly(prices), "log_return_lags(3)")
    assert len(data) == len(features) - 1 == 197  # nothing follows the last
    assert data.x.tobytes() == np.array(features[:-1], np.float32).tobytes()
    assert predictions(load_model("weights/btcusdt_12h_linear.json").module, data).tolist() == y_hat[:-1]


def test_parts_windows_and_holes() -> None:
    closes = [Seen(hour * HOUR_NS, price) for hour, price in ((1, 1.0), (2, 2.0), (3, 3.0), (5, 4.0), (6, 5.0))]
    data = samples(closes, FeatureVector(["log_return_lags(1)"]))
    assert data.holes(HOUR_NS) == 1
    window = data.part(slice(1, None)).window()
    assert (window.start, window.end, window.samples) == ("1970-01-01T03:00:00Z", "1970-01-01T06:00:00Z", 2)


class Broken(Feature[float]):
    """Not finite at a price of 3."""

    def on_tick(self, val: float) -> float | None:
        return 1.0 if val != 3.0 else float("nan")


def test_a_feature_that_is_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.FEATURES, "broken", f"{__name__}:Broken")
    closes = [Seen(hour * HOUR_NS, float(hour)) for hour in range(1, 6)]
    with pytest.raises(ValueError, match=r"broken\(\) is not finite at 1970-01-01T03:00:00Z"):
        samples(closes, FeatureVector(["broken()"]))


# Several features, of bars too, and windows of them.

TICKS = st.lists(st.tuples(st.integers(1, 1_000), st.booleans()), max_size=40)  # close, and whether a volume is told


class VolumeShare(BarFeature[float]):
    """Of the last `n` bars' volume that of the newest."""

    def __init__(self, n: int) -> None:
        self._volumes = DequeWindow[float](n)

    def on_tick(self, val: Bar) -> float | None:
        assert val.volume is not None
        self._volumes.on_tick(val.volume)
        return val.volume / sum(self._volumes.values()) if self._volumes.is_full() else None


@pytest.fixture(autouse=True, scope="module")
def known() -> Iterator[None]:
    """VolumeShare has a name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.FEATURES, "volume_share", VolumeShare)
        yield


def history(ticks: list[tuple[int, bool]]) -> list[HistoryBar]:
    """Bars whose volume is 1, 2, ...; where it is not told there is no group."""
    return [
        HistoryBar(
            (at + 1) * HOUR_NS, *map(Decimal, (close, close + 1, close, close)), row=at + 2,
            volume=Decimal(at + 1) if told else None,
        )
        for at, (close, told) in enumerate(ticks)
    ]  # fmt: skip


@given(TICKS, st.integers(1, 4))
def test_a_window_holds_the_last_vectors_and_spans_no_bar_without_its_group(
    ticks: list[tuple[int, bool]], window: int
) -> None:
    specs = ["volume_share(2)", "log_return()"]
    data = dataset(history(ticks), specs, window=window, sym="X")
    vector = FeatureVector(specs)
    last: deque[object] = deque(maxlen=window)
    expected, ends = [], []
    for bar, following in pairwise(history(ticks)):
        seen = seen_bar("X", bar, vector.needs)
        if seen is None:
            vector.reset()
            last.clear()
            continue
        numbers = vector.on_tick(seen)
        if numbers is not None:
            last.append(numbers)
            if len(last) == window:
                expected.append(np.array(last))
                ends.append((bar.ts_event, following.ts_event))
    assert len(data) == len(expected)
    assert data.x.shape == ((len(data), 2) if window == 1 else (len(data), window, 2))
    wanted = np.array(expected, np.float32).reshape(len(data), window, 2)
    assert data.x.tobytes() == wanted.tobytes()
    assert list(zip(data.ts.tolist(), data.ts_next.tolist(), strict=True)) == ends
    assert data.newest.tobytes() == wanted[:, -1].tobytes()


def test_a_long_window_costs_no_memory_of_its_own() -> None:
    data = dataset(hourly(prices_of(reverting_returns(5_000))), ["log_return_lags(2)"], window=500)
    assert data.x.shape == (4_499, 500, 2)
    assert data.part(slice(9, 12)).x.base is not None  # a view of 5,000 vectors, not of 2 million


def test_what_was_known_before_a_time() -> None:
    data = dataset(hourly([Decimal(price) for price in (1, 2, 3, 4, 5)]), "log_return()")
    assert data.ts_next.tolist() == [3 * HOUR_NS, 4 * HOUR_NS, 5 * HOUR_NS]
    assert [data.known_before(at * HOUR_NS) for at in (1, 3, 4, 5, 6)] == [0, 0, 1, 2, 3]


# Splits by time.


@given(st.integers(1, 300), st.integers(1, 300))
def test_each_part_but_the_first_is_tested_once_after_all_before_it(n: int, k: int) -> None:
    if n < k + 1:
        with pytest.raises(ConfigError, match="samples"):
            walk_forward_splits(n, k)
        return
    folds = [(list(range(n))[train], list(range(n))[test]) for train, test in walk_forward_splits(n, k)]
    assert len(folds) == k
    for train, test in folds:
        assert train == list(range(test[0]))
    tested = [index for _, test in folds for index in test]
    assert tested == list(range(folds[0][1][0], n))
    assert max(len(test) for _, test in folds) - min(len(test) for _, test in folds) <= 1


@given(st.integers(0, 1000), st.floats(0, 0.9))
def test_the_held_out_part_is_the_last(n: int, share: float) -> None:
    train, test = holdout(n, share)
    assert [*range(n)[train], *range(n)[test]] == list(range(n))
    assert abs(len(range(n)[test]) - n * share) <= 0.5
