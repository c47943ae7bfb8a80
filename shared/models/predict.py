"""One sample through a model."""

import torch
from torch import nn

from shared.tick import Tick


class Predict(Tick[torch.Tensor, float]):
    """y_hat for one feature vector: the float32 that `module(x)` gives, as a Python float. Has no memory.

    Input: float32 of shape (no_features,). Output: what the model predicts, NaN if it says so.
    """

    def __init__(self, module: nn.Module) -> None:
        torch.set_num_threads(1)
        self._module = module.eval().requires_grad_(False)

    def on_tick(self, val: torch.Tensor) -> float | None:
        """The prediction for `val`."""
        with torch.inference_mode():
            y_hat: float = self._module(val).item()
        return y_hat
