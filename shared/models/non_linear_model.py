"""A non-linear model has one hidden layer."""

import torch
from torch import nn
from torch.nn.functional import linear

from shared.models.model import Model, TensorFunction

MAX_HIDDEN = 100_000


class NonLinearModel(Model):
    """A NonLinearModel computes y = W2 · relu(W1 · x + b1) + b2, with `hidden` units between.

    Input: float32 of shape (no_features,) or (batch, no_features); output (1,) or (batch, 1).

    >>> NonLinearModel(3)
    NonLinearModel(
      (hidden): Linear(in_features=3, out_features=64, bias=True)
      (relu): ReLU()
      (output): Linear(in_features=64, out_features=1, bias=True)
    )
    """

    def __init__(self, no_features: int, hidden: int = 64) -> None:
        if not 1 <= hidden <= MAX_HIDDEN:
            raise ValueError(f"hidden is from 1 to {MAX_HIDDEN}, not {hidden}")
        super().__init__()
        self.hidden = nn.Linear(no_features, hidden)
        self.relu = nn.ReLU()
        self.output = nn.Linear(hidden, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the prediction for x."""
        y: torch.Tensor = self.output(self.relu(self.hidden(x)))
        return y

    def plain(self) -> TensorFunction:
        """Returns a function of the three kernels that `forward` uses."""
        relu, inner, outer = torch.relu, self.hidden, self.output
        with torch.inference_mode():  # torch builds no graph for tensors made here
            w1, b1, w2, b2 = (part.clone() for part in (inner.weight, inner.bias, outer.weight, outer.bias))
        return lambda x: linear(relu(linear(x, w1, b1)), w2, b2)

    @torch.no_grad()
    def rescale(self, shift: torch.Tensor, scale: torch.Tensor, y_scale: float) -> None:
        """Puts the input's scale into the first layer and the output's into the second."""
        self.hidden.weight.div_(scale)
        self.hidden.bias.sub_(self.hidden.weight @ shift)
        self.output.weight.mul_(y_scale)
        self.output.bias.mul_(y_scale)
