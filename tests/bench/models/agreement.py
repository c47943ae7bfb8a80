"""An LSTM's y_hat in a notebook that calls the module with torch's own defaults, on the line, and as ONNX."""

import copy
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from shared.models.dataset import Dataset, dataset
from shared.models.load_model import LoadedModel
from shared.models.runtime import TOLERANCE
from shared.models.save_model import save_model
from tests.bench.models.nets import Lstm

WINDOW, FEATURES, SEED = 48, ["log_return_lags(3)"], 7
Floats = NDArray[np.float64]


class Agreement(NamedTuple):
    """How far two series of y_hat agree: the shares of equal bits and within TOLERANCE, the largest difference.

    - largest: in s.d. of the output, as TOLERANCE is.
    """

    equal: float
    within: float
    largest: float

    @classmethod
    def of(cls, one: Floats, other: Floats) -> "Agreement":
        off = np.abs(one - other) / one.std()
        return cls(float(np.mean(one == other)), float(np.mean(off <= TOLERANCE)), float(off.max()))


def prices(rows: int = 1_100) -> str:
    """A price file of hourly closes."""
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(SEED).normal(0, 0.01, rows)))
    times = np.datetime64("2024-01-01T00:00:00") + np.arange(rows).astype("timedelta64[h]")
    return "\n".join(["datetime,price", *(f"{at},{close:.6f}" for at, close in zip(times, closes, strict=True))]) + "\n"


def trained(data: Dataset, steps: int) -> Lstm:
    """The LSTM after a few steps of Adam on returns in s.d., as a notebook would have it."""
    torch.manual_seed(SEED)
    module = Lstm(data.no_features)
    x = torch.from_numpy(np.ascontiguousarray(data.x)) * 100
    y = torch.from_numpy((data.y / data.y.std()).astype(np.float32)).unsqueeze(1)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.mse_loss(module(x), y).backward()
        optimiser.step()
    with torch.no_grad():
        module.lstm.all_weights[0][0].mul_(100)  # so that it takes the features as they are
    return module.eval()


def saved(module: nn.Module, name: str, format: Literal["torch", "onnx"], folder: Path) -> LoadedModel:
    return save_model(
        module, name, features=FEATURES, symbols="*", interval="1h", window=WINDOW, weights=folder, force=True,
        format=format, data=folder / "prices.csv",
    )  # fmt: skip


def notebook(module: nn.Module, data: Dataset, *, batch: bool = False, gradients: bool = False) -> Floats:
    """What a notebook gets: one window after the other, or all in one batch; with or without torch.no_grad()."""
    module.requires_grad_(True)
    with torch.set_grad_enabled(gradients):
        if batch:
            return module(torch.from_numpy(np.ascontiguousarray(data.x))).squeeze(1).detach().numpy().astype(np.float64)
        return np.array([module(torch.from_numpy(row.copy()).unsqueeze(0)).item() for row in data.x])


def exact(module: nn.Module, data: Dataset) -> Floats:
    """What the module says in float64: so far is float32 itself from it."""
    with torch.no_grad():
        found = copy.deepcopy(module).double()(torch.from_numpy(data.x.astype(np.float64)))
    return found.squeeze(1).numpy()


def line(loaded: LoadedModel, data: Dataset) -> Floats:
    """What backtest and line get: both ask the same Tick, a window at a time."""
    predict = loaded.predict()
    return np.array([predict.on_tick(row.copy()) for row in data.x], np.float64)


def samples(folder: Path) -> Dataset:
    from shared.history import bars

    return dataset(bars(folder / "prices.csv", "1h"), FEATURES, window=WINDOW)
