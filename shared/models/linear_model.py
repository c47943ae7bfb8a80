"""A linear model has one weight per feature, and a bias."""

import torch
from torch import nn
from torch.nn.functional import linear

from shared.models.model import Model, TensorFunction


class LinearModel(Model):
    """A LinearModel computes y = w · x + b.

    Input: float32 of shape (no_features,) or (batch, no_features); output (1,) or (batch, 1).

    >>> LinearModel(3)
    LinearModel(
      (linear): Linear(in_features=3, out_features=1, bias=True)
    )
    """

    def __init__(self, no_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(no_features, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the prediction for x."""
        y: torch.Tensor = self.linear(x)
        return y

    def plain(self) -> TensorFunction:
        """Returns one call of the kernel that `forward` uses."""
        with torch.inference_mode():  # torch builds no graph for tensors made here
            weight, bias = self.linear.weight.clone(), self.linear.bias.clone()
        return lambda x: linear(x, weight, bias)

    @torch.no_grad()
    def rescale(self, shift: torch.Tensor, scale: torch.Tensor, y_scale: float) -> None:
        """Puts both scales into the one layer."""
        weight, bias = self.linear.weight, self.linear.bias
        weight.div_(scale)
        bias.sub_(weight @ shift)
        weight.mul_(y_scale)
        bias.mul_(y_scale)
