"""A model predicts from one feature vector, and Predict is the Tick that asks it."""

from abc import abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from shared.tick import Tick

TensorFunction: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
Sample: TypeAlias = torch.Tensor | NDArray[np.float32]


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


class Predict(Tick[Sample, float]):
    """Predict gives y_hat for one sample: the float32 of `module(x)`, as a Python float. It has no memory.

    - module: any module that gives one number for a sample.
    - batched: the module is given a batch of one, a view with a further first axis.
    - Input: float32 of shape (no_features,), or (window, no_features), as a tensor or in numpy memory of its own;
      always one sample, since a batched float32 product may differ in the last bit.
    - Output: a predicted log return; NaN where the model gives NaN. It has the bits of a call under `torch.no_grad()`:
      where gradients are kept, torch takes other kernels for recurrent layers.

    The constructor puts the module into eval mode, freezes its parameters (torch then builds no graph, at less cost
    than inference_mode at each tick) and sets torch to one thread in this process. Predict does not see parameters that
    change later: make a new one.

    >>> from tickline import load_model
    >>> predict = Predict(load_model("weights/btcusdt_12h_linear.json").module)
    >>> f"{predict.on_tick(torch.tensor([0.1542, -0.2007, 0.0953])):.4f}"
    '0.0008'
    """

    def __init__(self, module: nn.Module, *, batched: bool = False) -> None:
        torch.set_num_threads(1)
        module.eval().requires_grad_(False)
        self._module = module
        self._batched = batched
        self._function = module.plain() if isinstance(module, Model) and not batched else _without_gradients(module)

    def on_tick(self, val: Sample) -> float | None:
        """Returns the prediction for `val`."""
        x = torch.from_numpy(val) if isinstance(val, np.ndarray) else val
        y_hat: float = self._function(x.unsqueeze(0) if self._batched else x).item()
        return y_hat

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._module!r})"


def _without_gradients(module: nn.Module) -> TensorFunction:
    def predict(x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            y: torch.Tensor = module(x)
            return y

    return predict
