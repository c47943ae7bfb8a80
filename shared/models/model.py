"""The base of the models here."""

from abc import abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import nn

TensorFunction: TypeAlias = Callable[[torch.Tensor], torch.Tensor]


class Model(nn.Module):
    """A module that also gives its computation as a plain function, for one sample at a time.

    nn.Module's calls cost several times the arithmetic of a small model, and they are on the path of every tick.
    A model of another base works too; it is called as a module.
    """

    @abstractmethod
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The prediction for x."""

    def plain(self) -> TensorFunction:
        """What `forward` computes, bit for bit, with the parameters bound as they are now."""
        return self.__call__

    def rescale(self, shift: torch.Tensor, scale: torch.Tensor, y_scale: float) -> None:
        """Become `y_scale · f((x - shift) / scale)`, f being this model as it was; shift and scale: (no_features,).

        Training needs it: it fits standardised features and targets, and the weights are for those as they are.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `rescale`")
