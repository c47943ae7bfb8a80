"""Training makes a carded model out of a file of prices."""

from services.research.train.fit import Diverged, FitSpec, Fitted, fit
from services.research.train.job import Progress, Trained, TrainSpec, train
from shared.models.dataset import Dataset, dataset, holdout, walk_forward_splits
from shared.models.scores import predictions, score

__all__ = [
    "Dataset",
    "Diverged",
    "FitSpec",
    "Fitted",
    "Progress",
    "TrainSpec",
    "Trained",
    "dataset",
    "fit",
    "holdout",
    "predictions",
    "score",
    "train",
    "walk_forward_splits",
]
