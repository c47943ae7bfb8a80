"""What a model says of each sample, as it would live: one at a time, through the line's own Tick."""

import numpy as np
import torch
from torch import nn

from services.research.train.dataset import Dataset, Floats
from shared.models.model import Predict


def predictions(module: nn.Module, data: Dataset) -> Floats:
    """y_hat of each sample, float64 (n,): the float32 that the line computes.

    Each sample is copied into memory of its own, as the feature Tick gives it: how it is aligned may move the last bit.
    """
    predict = Predict(module)
    return np.array([predict.on_tick(torch.from_numpy(row.copy())) for row in data.x], np.float64)
