"""Predictions: the line's, to the last bit; asked for once, and kept."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from services.research.fast import Asked, Floats, predict_all, predictions
from shared import version
from shared.bar import Bar, BarArrays
from shared.models.linear_model import LinearModel
from shared.models.model import Predict
from shared.models.model_input import ModelInput
from shared.tick import Tick

PRICES: Floats = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(2).standard_normal(60)))
FEATURES = ("log_return_lags(3)", "log_return()")


def whole_bar(at: int, price: float) -> Bar:
    return Bar(
        "BTCUSDT", at * 3_600 * 10**9, Decimal(repr(price)), price, open=price, high=1.01 * price + at % 7,
        low=price - at % 5, volume=float(at % 11), taker_volume=at % 11 / 3, bid=price - at % 3 / 10, ask=price + 0.1,
        bid_qty=1.0, ask_qty=2.0, funding_rate=at % 4 / 1e4,
    )  # fmt: skip


class Counting(Tick[Any, float]):
    """A model that counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def on_tick(self, val: Any) -> float | None:
        self.asked += 1
        return float(val.sum())


@pytest.mark.parametrize(("window", "first"), [(1, 0), (1, 30), (4, 0), (4, 5)])
def test_they_have_the_bits_of_the_lines(tmp_path: Path, window: int, first: int) -> None:
    torch.manual_seed(1)
    width = 4 * window
    module = torch.nn.Sequential(torch.nn.Flatten(0), torch.nn.Linear(width, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    predict, shown = Predict(module), ModelInput(FEATURES, window)
    samples = [shown.on_price(price) for price in PRICES.tolist()]
    expected = [np.nan if sample is None else predict.on_tick(sample) for sample in samples]
    found = predict_all(Asked(predict, "one", FEATURES, window), PRICES, first, tmp_path)
    assert found is not None
    assert found.tobytes() == np.array(expected[first:]).tobytes()
    assert np.isfinite(found).sum() == 60 - max(first, 3 + window - 1)


@pytest.mark.parametrize(
    "features",
    [
        ("ema(3)", "rsi(2)", "rolling_std(4)"),
        ("atr(3)", "spread()", "time_of_week()", "z_score(5)"),
        ("taker_imbalance(2)", "funding()", "volume_z(3)"),
    ],
)
def test_of_bars_too(tmp_path: Path, features: tuple[str, ...]) -> None:
    model, shown = Counting(), ModelInput(features)
    bars = [whole_bar(at, price) for at, price in enumerate(PRICES.tolist())]
    samples = [shown.on_tick(bar) for bar in bars]
    expected = [np.nan if sample is None else model.on_tick(sample) for sample in samples]
    asked = Asked(model, "one", features)
    arrays = BarArrays.of(bars, asked.vector.columns)
    found = predict_all(asked, arrays, 0, tmp_path)
    assert found is not None
    assert np.isfinite(found).any()
    assert found.tobytes() == np.array(expected).tobytes()
    if asked.vector.takes_bars:
        lost = [bars[0], bars[1]._replace(volume=None, bid=None), *bars[2:]]
        assert predict_all(asked, BarArrays.of(lost, asked.vector.columns), 0, tmp_path) is None
        assert predict_all(asked, arrays.close, 0, tmp_path) is None


def test_they_are_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Counting()
    asked = Asked(model, "one", FEATURES)
    first = predict_all(asked, PRICES, 10, tmp_path)
    again = predict_all(asked, PRICES, 10, tmp_path)
    assert model.asked == 50
    assert first is not None
    assert again is not None
    assert first.tobytes() == again.tobytes()
    for other in (asked._replace(identity="two"), asked._replace(features=FEATURES[:1]), asked._replace(window=2)):
        model.asked = 0
        predict_all(other, PRICES, 10, tmp_path)
        assert model.asked == 50
    predict_all(asked, np.nextafter(PRICES, 0), 10, tmp_path)
    assert model.asked == 100
    monkeypatch.setattr(version, "revision", lambda: "0123456789ab")  # whose features may be others
    predict_all(asked, PRICES, 10, tmp_path)
    assert model.asked == 150


def test_what_cannot_be_kept_is_predicted_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    model = Counting()
    assert predict_all(Asked(model, "one", FEATURES), PRICES, 0, tmp_path / "file" / "below") is not None
    assert model.asked == 57
    kept = tmp_path / "kept"
    predict_all(Asked(model, "one", FEATURES), PRICES, 0, kept)
    (path,) = kept.iterdir()
    path.write_bytes(path.read_bytes()[:100])  # a disk that was full
    model.asked = 0
    predict_all(Asked(model, "one", FEATURES), PRICES, 0, kept)
    assert model.asked == 57


def test_what_was_used_longest_ago_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "MAX_KEPT_BYTES", 1_500)  # two files of 60 numbers
    for name in ("one", "two", "three"):
        predict_all(Asked(Counting(), name, FEATURES), PRICES, 0, tmp_path)
    assert len([*tmp_path.iterdir()]) == 2


MOMENTUM = """
from tickline import Feature


class Momentum(Feature[float]):
    def __init__(self):
        self._last = None

    def on_tick(self, val):
        last, self._last = self._last, val
        return None if last is None else val / last - 1
"""


def test_a_feature_without_arrays_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(MOMENTUM)
    monkeypatch.chdir(tmp_path)
    model = Predict(LinearModel(1))
    assert predict_all(Asked(model, "one", ("mine.py:Momentum()",)), PRICES, 0, tmp_path) is None
