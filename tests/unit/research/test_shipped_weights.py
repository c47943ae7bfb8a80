"""The shipped model files are what their script makes."""

from pathlib import Path

import numpy as np
import pytest

from services.research.shipped_weights import NO_LAGS, least_squares, main, simulated_returns
from shared.models.load_model import load_model

NAMES = ["btcusdt_12h_linear", "simulated_linear"]


def test_the_script_makes_the_shipped_files_again(tmp_path: Path) -> None:
    main(tmp_path)
    for name in NAMES:
        made, shipped = load_model(tmp_path / f"{name}.json"), load_model(f"weights/{name}.json")
        for key, tensor in shipped.module.state_dict().items():
            assert made.module.state_dict()[key].equal(tensor)
        assert made.card.model_copy(update={"sha256": shipped.card.sha256}) == shipped.card


def test_least_squares_finds_the_weights_newest_first() -> None:
    weights, bias = [0.3, -0.2, 0.1], 0.01
    returns = np.random.default_rng(1).normal(0, 0.01, NO_LAGS).tolist()
    for _ in range(50):
        newest = returns[: -NO_LAGS - 1 : -1]
        returns.append(float(np.dot(weights, newest)) + bias)
    found, constant = least_squares(np.array(returns))
    assert found == pytest.approx(weights, abs=1e-6)
    assert constant == pytest.approx(bias, abs=1e-6)


def test_the_simulated_returns_revert() -> None:
    returns = simulated_returns()
    assert float(np.corrcoef(returns[1:], returns[:-1])[0, 1]) == pytest.approx(-0.5, abs=0.01)
