"""Makes the files in weights/: `python -m services.research.shipped_weights --data FILE`. The same bytes every time.

FILE: the 12 h bars of BTCUSDT, on whose first three quarters the notebook's weights are described. It is not in this
repository; without it only the simulated market's model is made.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from services.research.twin_reference import FileTrial, add_reference
from shared.config import Settings
from shared.history import bars
from shared.models.card import Card
from shared.models.dataset import Dataset, dataset, holdout
from shared.models.linear_model import LinearModel
from shared.models.model_files import sha256_of, weights_bytes, write_model
from shared.models.scores import evaluate, evaluate_on_file, least_squares
from shared.simulated_market import PHI, SIGMA

NO_LAGS = 3
FEATURES = f"log_return_lags({NO_LAGS})"
FEE = 0.0003
TEST_SHARE = 0.25

SEED = 20240601
NO_RETURNS = 200_000

NOTEBOOK_WEIGHTS = (-0.10395038, -0.06726477, 0.02827305)
NOTEBOOK_BIAS = 0.00067121


def simulated_returns() -> npt.NDArray[np.float64]:
    """Returns mean-reverting log returns, r_t = PHI r_{t-1} + eps, eps normal with standard deviation SIGMA."""
    eps = np.random.default_rng(SEED).normal(0.0, SIGMA, NO_RETURNS).tolist()
    returns = [0.0]
    for shock in eps:
        returns.append(PHI * returns[-1] + shock)
    return np.array(returns[1:])


def lagged(returns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns, for each return that has so many before it, the NO_LAGS before it, newest first."""
    return np.lib.stride_tricks.sliding_window_view(returns, NO_LAGS)[:-1, ::-1]


def linear_model(weights: list[float], bias: float) -> LinearModel:
    """Returns a LinearModel of these."""
    model = LinearModel(len(weights))
    model.load_state_dict({"linear.weight": torch.tensor([weights]), "linear.bias": torch.tensor([bias])})
    return model


def write_notebook_model(folder: Path, data: Path) -> None:
    """Writes the notebook's weights, described on the first three quarters of `data`."""
    model = linear_model(list(NOTEBOOK_WEIGHTS), NOTEBOOK_BIAS)
    samples = dataset(bars(data, "12h"), FEATURES)
    train, test = (samples.part(span) for span in holdout(len(samples), TEST_SHARE))
    weights = weights_bytes(model.state_dict())
    card = Card(
        name="btcusdt_12h_linear",
        model="LinearModel",
        features=(FEATURES,),
        no_features=NO_LAGS,
        symbols=("BTCUSDT",),
        interval="12h",
        sha256=sha256_of(weights),
        origin="the notebook 'Let's Build a Quant Trading Strategy - Part 3': weights and bias as printed in cell 261",
        training=evaluate_on_file(model, data, train, test, fee=FEE),
    )
    _, path = write_model(folder, card, weights, force=True)
    add_reference(path, Settings(), FileTrial(data, "BTCUSDT", "12h", "12h"))


def write_simulated_model(folder: Path) -> None:
    """Writes a least-squares fit of simulated returns, described on them."""
    returns = simulated_returns()
    x, y = lagged(returns), returns[NO_LAGS:]
    found, constant = least_squares(x, y)
    rounded = [round(weight, 4) + 0.0 for weight in found]
    model = linear_model(rounded, round(constant, 6) + 0.0)
    order = np.arange(len(y))
    samples = Dataset(x.astype(np.float32), y, order, order + 1, np.ones(len(y)), x[:, 0])
    weights = weights_bytes(model.state_dict())
    card = Card(
        name="simulated_linear",
        model="LinearModel",
        features=(FEATURES,),
        no_features=NO_LAGS,
        symbols=("*",),
        interval="1s",
        sha256=sha256_of(weights),
        origin=(
            f"services/research/shipped_weights.py: ordinary least squares of r_t on {NO_LAGS} lags and a constant, "
            f"over {NO_RETURNS} simulated log returns r_t = {PHI} r_(t-1) + eps, eps normal with standard deviation "
            f"{SIGMA}, numpy default_rng({SEED}); weights rounded to 4 digits, bias to 6: the same on every machine"
        ),
        training=evaluate(model, samples, None, fee=FEE),
    )
    write_model(folder, card, weights, force=True)


def main() -> None:
    """Writes both models, or the one that needs no file."""
    parser = argparse.ArgumentParser(prog="python -m services.research.shipped_weights")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("weights"))
    parser.add_argument("--data", type=Path, help="BTCUSDT_12h_ohlc.csv")
    given = parser.parse_args()
    write_simulated_model(given.folder)
    if given.data is None:
        print("btcusdt_12h_linear was not made: its card needs the 12 h bars, pass --data FILE")
    else:
        write_notebook_model(given.folder, given.data)


if __name__ == "__main__":
    main()
