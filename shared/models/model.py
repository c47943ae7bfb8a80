"""A model predicts from one feature vector, and Predict is the Tick that asks it."""

from abc import abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import nn

from shared.tick import Tick

TensorFunction: TypeAlias = Callable[[torch.Tensor], torch.Tensor]


class Model(nn.Module):
    """A model is a module that can also give its computation as a plain function of one sample.

    A call of an nn.Module costs several times the arithmetic of a small model, and every tick pays it. A module of
    another base works too; Predict then calls it as a module.
    """

    @abstractmethod
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the prediction for x."""

    def plain(self) -> TensorFunction:
        """Returns a function that computes what `forward` does, bit for bit, with the present parameters."""
        return self.__call__

    def rescale(self, shift: torch.Tensor, scale: torch.Tensor, y_scale: float) -> None:
        """Turns this model f into `y_scale · f((x - shift) / scale)`; shift and scale have the shape (no_features,).

        Training fits standardised features and targets; rescaled weights then take the features as they are.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `rescale`")


class Predict(Tick[torch.Tensor, float]):
    """Predict gives y_hat for one feature vector: the float32 of `module(x)`, as a Python float. It has no memory.

    - Input: float32 of shape (no_features,); always one sample, since a batched float32 product may differ in the last
      bit.
    - Output: a predicted log return; NaN where the model gives NaN.

    The constructor puts the module into eval mode, freezes its parameters (torch then builds no graph, at less cost
    than inference_mode at each tick) and sets torch to one thread in this process. Predict does not see parameters that
    change later: make a new one.

    >>> from shared.models.load_model import load_model
    >>> predict = Predict(load_model("weights/btcusdt_12h_linear.json").module)
    >>> f"{predict.on_tick(torch.tensor([0.1542, -0.2007, 0.0953])):.4f}"
    '0.0008'
    """

    def __init__(self, module: nn.Module) -> None:
        torch.set_num_threads(1)
        module.eval().requires_grad_(False)
        self._module = module
        self._function = module.plain() if isinstance(module, Model) else module.__call__

    def on_tick(self, val: torch.Tensor) -> float | None:
        """Returns the prediction for `val`."""
        y_hat: float = self._function(val).item()
        return y_hat

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._module!r})"
