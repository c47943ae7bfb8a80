"""Scores of predictions, and of mere directions."""

from collections.abc import Sequence

import numpy as np

from services.research.train.dataset import Floats
from shared.models.training import Scores, rounded


def score(y_hat: Floats, y: Floats, *, fee: float, delta: float) -> Scores:
    """Scores of predicted log returns. fee: rate of each leg. delta: where the Huber loss turns linear.

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
    """Scores of directions, 1, -1 or 0: they have no size, hence no loss.

    >>> score_sides(np.array([1.0, 1.0]), np.array([0.02, -0.01]), fee=0.001).net_legs
    0.006
    """
    return _sided(side, side, y, fee)


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """The mean of each score over those that have it; samples: the sum."""
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
