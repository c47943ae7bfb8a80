"""What a model has to beat: rules that need no model, and the simplest one there is."""

import numpy as np
import numpy.typing as npt

from services.research.train.dataset import Dataset, Floats
from services.research.train.scores import score, score_sides
from shared.models.training import Compared, Scores


def baselines(train: Dataset, test: Dataset | None, *, fee: float, delta: float) -> dict[str, Compared]:
    """always_long; flat, the prediction of 0; last_sign, the direction of the last return; least_squares on `train`."""
    weights, bias = least_squares(train.x.astype(np.float64), train.y)

    def scored(data: Dataset) -> dict[str, Scores]:
        return {
            "always_long": score_sides(np.ones(len(data)), data.y, fee=fee),
            "flat": score(np.zeros(len(data)), data.y, fee=fee, delta=delta),
            "last_sign": score_sides(np.sign(data.last), data.y, fee=fee),
            "least_squares": score(data.x @ np.array(weights) + bias, data.y, fee=fee, delta=delta),
        }

    inside, outside = scored(train), scored(test) if test is not None else {}
    return {name: Compared(in_sample=inside[name], out_of_sample=outside.get(name)) for name in inside}


def least_squares(x: npt.NDArray[np.floating], y: Floats) -> tuple[list[float], float]:
    """Weights and bias of y on x (n, width), by ordinary least squares.

    >>> weights, bias = least_squares(np.array([[1.0], [2.0], [4.0]]), np.array([3.0, 5.0, 9.0]))
    >>> round(weights[0], 9), round(bias, 9)
    (2.0, 1.0)
    """
    solution = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0].tolist()
    return solution[:-1], solution[-1]
