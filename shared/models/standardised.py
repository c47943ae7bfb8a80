"""Standardisation is a layer around a model whose class cannot take the scales into its own weights."""

import torch
from torch import nn

from shared.models.model import Model, TensorFunction


class Standardised(Model):
    """A Standardised computes y_scale · f((x − shift) / scale) with any module f.

    Training fits standardised features and targets. A class with `rescale` takes the scales into its own weights; of
    any other one the weights file has them beside the module's: `shift`, `scale` and `y_scale`, and `module.…`.

    - module: f; it gives one number a sample.
    - no_features: the size of shift and scale, which are 0 and 1 at first.
    - Input: float32 of shape (no_features,), or (window, no_features) for a sequence; each with a batch in front or
      not, as the module takes it.

    >>> layer = Standardised(nn.Linear(2, 1), 2)
    >>> layer.rescale(torch.tensor([1.0, 2.0]), torch.tensor([0.5, 0.1]), 0.01)
    >>> list(layer.state_dict())
    ['shift', 'scale', 'y_scale', 'module.weight', 'module.bias']
    """

    shift: torch.Tensor
    scale: torch.Tensor
    y_scale: torch.Tensor

    def __init__(self, module: nn.Module, no_features: int) -> None:
        super().__init__()
        self.module = module
        self.register_buffer("shift", torch.zeros(no_features))
        self.register_buffer("scale", torch.ones(no_features))
        self.register_buffer("y_scale", torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the prediction for x."""
        y: torch.Tensor = self.module((x - self.shift) / self.scale) * self.y_scale
        return y

    def plain(self) -> TensorFunction:
        """Returns what `forward` does around the module's own plain function."""
        inner = self.module.plain() if isinstance(self.module, Model) else self.module.__call__
        with torch.inference_mode():  # torch builds no graph for tensors made here
            shift, scale, y_scale = self.shift.clone(), self.scale.clone(), self.y_scale.clone()
        return lambda x: inner((x - shift) / scale) * y_scale

    @torch.no_grad()
    def rescale(self, shift: torch.Tensor, scale: torch.Tensor, y_scale: float) -> None:
        """Puts both scales into the layer, in front of those that it has."""
        self.shift.mul_(scale).add_(shift)
        self.scale.mul_(scale)
        self.y_scale.mul_(y_scale)


def can_rescale(module: nn.Module) -> bool:
    """Says whether a module takes scales into its own weights, so that it needs no such layer."""
    return isinstance(module, Model) and type(module).rescale is not Model.rescale
