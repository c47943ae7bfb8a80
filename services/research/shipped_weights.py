"""Makes the files in weights/: `python -m services.research.shipped_weights [FOLDER]`. The same bytes every time.

The file is written through a buffer, so that torch does not write the file's name into it.
"""

import hashlib
import io
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from shared.models.card import Card

NO_LAGS = 3
PHI = -0.5
SIGMA = 0.001
SEED = 20240601
NO_RETURNS = 200_000

NOTEBOOK_WEIGHTS = (-0.10395038, -0.06726477, 0.02827305)
NOTEBOOK_BIAS = 0.00067121


def simulated_returns() -> npt.NDArray[np.float64]:
    """Mean-reverting log returns, r_t = PHI r_{t-1} + eps, eps normal with standard deviation SIGMA."""
    eps = np.random.default_rng(SEED).normal(0.0, SIGMA, NO_RETURNS).tolist()
    returns = [0.0]
    for shock in eps:
        returns.append(PHI * returns[-1] + shock)
    return np.array(returns[1:])


def least_squares(returns: npt.NDArray[np.float64]) -> tuple[list[float], float]:
    """Weights, newest lag first, and bias of the next return on the last NO_LAGS, by ordinary least squares."""
    lags = np.lib.stride_tricks.sliding_window_view(returns, NO_LAGS)[:-1, ::-1]
    x = np.column_stack([lags, np.ones(len(lags))])
    solution = np.linalg.lstsq(x, returns[NO_LAGS:], rcond=None)[0].tolist()
    return solution[:-1], solution[-1]


def save(
    folder: Path,
    weights: list[float],
    bias: float,
    *,
    name: str,
    symbols: tuple[str, ...],
    interval: str,
    origin: str,
) -> None:
    """Write a LinearModel's weights and their card."""
    buffer = io.BytesIO()
    torch.save({"linear.weight": torch.tensor([weights]), "linear.bias": torch.tensor([bias])}, buffer)
    data = buffer.getvalue()
    card = Card(
        name=name,
        model="LinearModel",
        features=f"log_return_lags({NO_LAGS})",
        no_features=NO_LAGS,
        symbols=symbols,
        interval=interval,
        sha256=hashlib.sha256(data).hexdigest(),
        origin=origin,
    )
    (folder / f"{name}.pth").write_bytes(data)
    (folder / f"{name}.json").write_text(card.model_dump_json(indent=2, exclude_none=True) + "\n")


def main(folder: Path) -> None:
    """Write both models."""
    folder.mkdir(parents=True, exist_ok=True)
    save(
        folder,
        list(NOTEBOOK_WEIGHTS),
        NOTEBOOK_BIAS,
        name="btcusdt_12h_linear",
        symbols=("BTCUSDT",),
        interval="12h",
        origin="the notebook 'Let's Build a Quant Trading Strategy - Part 3': weights and bias as printed in cell 261",
    )
    weights, bias = least_squares(simulated_returns())
    weights, bias = [round(weight, 4) + 0.0 for weight in weights], round(bias, 6) + 0.0
    save(
        folder,
        weights,
        bias,
        name="simulated_linear",
        symbols=("*",),
        interval="1s",
        origin=(
            f"services/research/shipped_weights.py: ordinary least squares of r_t on {NO_LAGS} lags and a constant, "
            f"over {NO_RETURNS} simulated log returns r_t = {PHI} r_(t-1) + eps, eps normal with standard deviation "
            f"{SIGMA}, numpy default_rng({SEED}); weights rounded to 4 digits, bias to 6: the same on every machine"
        ),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("weights"))
