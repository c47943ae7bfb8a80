"""One weight per feature, and a bias."""

import torch
from torch import nn
from torch.nn.functional import linear

from shared.models.model import Model, TensorFunction


class LinearModel(Model):
    """y = w · x + b. Input: float32 of shape (no_features,) or (batch, no_features); output (1,) or (batch, 1).

    >>> LinearModel(3)
    LinearModel(
      (linear): Linear(in_features=3, out_features=1, bias=True)
    )
    """

    def __init__(self, no_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(no_features, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The prediction for x."""
        y: torch.Tensor = self.linear(x)
        return y

    def plain(self) -> TensorFunction:
        """One call of the same kernel."""
        with torch.inference_mode():  # tensors that torch never looks for a graph behind
            weight, bias = self.linear.weight.clone(), self.linear.bias.clone()
        return lambda x: linear(x, weight, bias)

    @torch.no_grad()
    def rescale(self, shift: torch.Tensor, scale: torch.Tensor, y_scale: float) -> None:
        """Both are in the one layer."""
        weight, bias = self.linear.weight, self.linear.bias
        weight.div_(scale)
        bias.sub_(weight @ shift)
        weight.mul_(y_scale)
        bias.mul_(y_scale)
