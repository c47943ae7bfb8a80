"""The shipped model files are what their script makes."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.research.shipped_weights import (
    NO_LAGS,
    lagged,
    simulated_returns,
    write_notebook_model,
    write_simulated_model,
)
from shared.models.load_model import load_model
from shared.models.scores import least_squares

DATA_DIR = Path(os.environ.get("TICKLINE_DATA_DIR") or Path(__file__).parents[4] / "shared" / "data")
REAL = DATA_DIR / "BTCUSDT_12h_ohlc.csv"


def same(made: Path, name: str) -> None:
    """The weights to the bit; the card's six digits to what another processor's order of adding leaves."""
    assert (made / f"{name}.pth").read_bytes() == Path("weights", f"{name}.pth").read_bytes()
    own, shipped = (leaves(json.loads((folder / f"{name}.json").read_text())) for folder in (made, Path("weights")))
    assert {at: value for at, value in own.items() if not isinstance(value, float)} == {
        at: value for at, value in shipped.items() if not isinstance(value, float)
    }
    for at, value in shipped.items():
        if isinstance(value, float):
            assert own[at] == pytest.approx(value, rel=1e-5), at
    assert load_model(made / f"{name}.json").card.training is not None


def leaves(value: Any, place: str = "") -> dict[str, Any]:
    """Every value that is neither list nor object, by its place."""
    if not isinstance(value, dict | list):
        return {place: value}
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return {at: leaf for key, inner in items for at, leaf in leaves(inner, f"{place}.{key}").items()}


def test_the_script_makes_the_simulated_model_again(tmp_path: Path) -> None:
    write_simulated_model(tmp_path)
    same(tmp_path, "simulated_linear")


@pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} is not here")
def test_the_script_makes_the_notebooks_model_again(tmp_path: Path) -> None:
    write_notebook_model(tmp_path, REAL)
    same(tmp_path, "btcusdt_12h_linear")


def test_the_notebooks_card_is_of_the_first_three_quarters() -> None:
    training = load_model("weights/btcusdt_12h_linear.json").card.training
    assert training is not None
    assert training.train is not None
    assert training.test is not None
    assert (training.train.samples, training.test.samples) == (516, 172)
    assert training.scores.in_sample.l1 == pytest.approx(0.01259, abs=5e-6)
    assert [feature.n for feature in training.features] == [516, 516, 516]


def test_the_lags_are_newest_first() -> None:
    weights, bias = [0.3, -0.2, 0.1], 0.01
    returns = np.random.default_rng(1).normal(0, 0.01, NO_LAGS).tolist()
    for _ in range(50):
        newest = returns[: -NO_LAGS - 1 : -1]
        returns.append(float(np.dot(weights, newest)) + bias)
    found, constant = least_squares(lagged(np.array(returns)), np.array(returns[NO_LAGS:]))
    assert found == pytest.approx(weights, abs=1e-6)
    assert constant == pytest.approx(bias, abs=1e-6)


def test_the_simulated_returns_revert() -> None:
    returns = simulated_returns()
    assert float(np.corrcoef(returns[1:], returns[:-1])[0, 1]) == pytest.approx(-0.5, abs=0.01)
