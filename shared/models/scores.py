"""Scores say how good a model's predictions are, beside those of baselines, as its card has them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from shared.models.dataset import Dataset, Floats
from shared.models.model_files import file_sha256
from shared.models.training import Compared, Distribution, Scores, Training, rounded
from shared.tick import Tick

if TYPE_CHECKING:
    from torch import nn


def score(y_hat: Floats, y: Floats, *, fee: float, delta: float) -> Scores:
    """Scores predicted log returns.

    - fee: rate of each leg.
    - delta: where the Huber loss turns linear.

    >>> score(np.array([0.01, -0.02]), np.array([0.02, 0.01]), fee=0.001, delta=0.01).hit_rate
    0.5
    """
    if not len(y):
        return Scores(samples=0)
    errors = np.abs(y - y_hat)
    squares, total = float(np.mean(errors**2)), float(np.mean(y**2))
    huber = np.where(errors <= delta, errors**2 / 2, delta * (errors - delta / 2))
    return _sided(np.sign(y_hat), y_hat, y, fee).model_copy(
        update={
            "l1": rounded(float(errors.mean())),
            "huber": rounded(float(huber.mean())),
            "mse": rounded(squares),
            "r2_zero": rounded(1 - squares / total) if total else None,
        }
    )


def score_sides(side: Floats, y: Floats, *, fee: float) -> Scores:
    """Scores directions, 1, -1 or 0: they have no size, hence no loss.

    >>> score_sides(np.array([1.0, 1.0]), np.array([0.02, -0.01]), fee=0.001).net_legs
    0.006
    """
    return _sided(side, side, y, fee)


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """Returns the mean of each score over those that have it; samples: the sum."""
    fields = [name for name in Scores.model_fields if name != "samples"]
    found = {name: [value for each in scores if (value := getattr(each, name)) is not None] for name in fields}
    means = {name: rounded(float(np.mean(values))) for name, values in found.items() if values}
    return Scores(samples=sum(each.samples for each in scores), **means)


def _sided(side: Floats, y_hat: Floats, y: Floats, fee: float) -> Scores:
    moved = y != 0
    gross = float(np.sum(side * y))
    legs = 2 * np.count_nonzero(side)
    changes = float(np.abs(np.diff(side, prepend=0.0, append=0.0)).sum())
    return Scores(
        samples=len(y),
        hit_rate=rounded(float(np.mean(np.sign(y[moved]) == side[moved]))) if moved.any() and side.any() else None,
        ic=_correlation(y_hat, y),
        gross=rounded(gross),
        net_legs=rounded(gross - fee * legs),
        net_netted=rounded(gross - fee * changes),
    )


def _correlation(a: Floats, b: Floats) -> float | None:
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    a, b = (each / np.abs(each).max() for each in (a, b))  # squares of small numbers would vanish
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt(np.sum(a**2) * np.sum(b**2)))
    return rounded(float(np.clip(np.sum(a * b) / spread, -1, 1))) if spread else None


def predictions(model: "nn.Module | Tick[Any, float]", data: Dataset) -> Floats:
    """Predicts each sample by itself through the line's own Tick: float64 (n,), the float32 that the line computes.

    - model: a module that takes a sample as it is, or the Tick that asks one (`LoadedModel.predict()`).

    Each sample is copied into memory of its own, as the feature Tick gives it: how it is aligned may move the last bit.
    """
    predict = model if isinstance(model, Tick) else _predict(model)
    return np.array([predict.on_tick(row.copy()) for row in data.x], np.float64)


def _predict(module: "nn.Module") -> Tick[Any, float]:
    from shared.models.model import Predict  # an ONNX file is scored without torch

    return Predict(module)


def baselines(train: Dataset, test: Dataset | None, *, fee: float, delta: float) -> dict[str, Compared]:
    """Scores what a model has to beat: rules that need no model, and the simplest one that there is.

    always_long; flat, the prediction of 0; last_sign, the direction of the last return; least_squares on `train`, of
    each tick's own features where a sample has a window of them.
    """
    weights, bias = least_squares(train.newest.astype(np.float64), train.y)

    def scored(data: Dataset) -> dict[str, Scores]:
        return {
            "always_long": score_sides(np.ones(len(data)), data.y, fee=fee),
            "flat": score(np.zeros(len(data)), data.y, fee=fee, delta=delta),
            "last_sign": score_sides(np.sign(data.last), data.y, fee=fee),
            "least_squares": score(data.newest @ np.array(weights) + bias, data.y, fee=fee, delta=delta),
        }

    inside, outside = scored(train), scored(test) if test is not None else {}
    return {name: Compared(in_sample=inside[name], out_of_sample=outside.get(name)) for name in inside}


def least_squares(x: npt.NDArray[np.floating], y: Floats) -> tuple[list[float], float]:
    """Returns weights and bias of y on x (n, width), by ordinary least squares.

    >>> weights, bias = least_squares(np.array([[1.0], [2.0], [4.0]]), np.array([3.0, 5.0, 9.0]))
    >>> round(weights[0], 9), round(bias, 9)
    (2.0, 1.0)
    """
    solution = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0].tolist()
    return solution[:-1], solution[-1]


def evaluate(model: "nn.Module | Tick[Any, float]", train: Dataset, test: Dataset | None, *, fee: float) -> Training:
    """Returns what a card says of a model: scores, baselines and the distributions that it was made on.

    The Huber loss turns linear at one standard deviation of the training targets.
    """
    delta = float(train.y.std())
    y_hat = predictions(model, train)
    outside = None if test is None else score(predictions(model, test), test.y, fee=fee, delta=delta)
    return Training(
        fee=fee,
        scores=Compared(in_sample=score(y_hat, train.y, fee=fee, delta=delta), out_of_sample=outside),
        baselines=baselines(train, test, fee=fee, delta=delta),
        features=tuple(Distribution.of(column) for column in train.newest.T),
        y_hat=Distribution.of(y_hat),
    )


def evaluate_on_file(
    model: "nn.Module | Tick[Any, float]", path: Path, train: Dataset, test: Dataset | None, *, fee: float
) -> Training:
    """Returns what a card says of a model made on a file: as `evaluate`, with the file's hash and the windows."""
    return evaluate(model, train, test, fee=fee).model_copy(
        update={
            "data_sha256": file_sha256(path),
            "train": train.window(),
            "test": None if test is None else test.window(),
        }
    )
