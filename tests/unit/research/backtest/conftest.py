"""A model whose mind a test can read."""

import hashlib
import json
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.unit.research.backtest.helpers import SYM, MakeSettings, settings_in


@pytest.fixture(scope="session")
def momentum(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of a model that predicts the last log return once more."""
    folder = tmp_path_factory.mktemp("weights")
    weights = folder / "momentum.pth"
    torch.save({"linear.weight": torch.tensor([[1.0]]), "linear.bias": torch.tensor([0.0])}, weights)
    card = {
        "name": "momentum",
        "model": "LinearModel",
        "features": "log_return_lags(1)",
        "no_features": 1,
        "symbols": [SYM],
        "interval": "1d",
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "origin": "a test",
    }
    path = folder / "momentum.json"
    path.write_text(json.dumps(card))
    return path


@pytest.fixture
def settings_of(tmp_path: Path, momentum: Path) -> MakeSettings:
    """Settings of a backtest of rows with the momentum model."""
    return partial(settings_in, tmp_path, momentum)
