"""Training makes a carded model out of a file of bars."""

from services.research.train.fit import Diverged, FitSpec, Fitted, fit
from services.research.train.job import Progress, Trained, TrainSpec, train

__all__ = ["Diverged", "FitSpec", "Fitted", "Progress", "TrainSpec", "Trained", "fit", "train"]
