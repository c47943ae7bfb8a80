"""The base of the models here."""

from abc import abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import nn

from shared.tick import Tick

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


# One sample through a model.


class Predict(Tick[torch.Tensor, float]):
    """y_hat for one feature vector: the float32 that `module(x)` gives, as a Python float. Has no memory.

    Input: float32 of shape (no_features,). Output: a predicted log return, NaN if the model says so.
    Always one sample: a batched float32 product may differ in the last bit. Making one puts the module into eval mode,
    freezes its parameters (so no graph is built, at less cost than entering inference_mode for each tick) and sets
    torch to one thread in this process. Parameters that are changed afterwards are not seen: make a new Predict.

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
        """The prediction for `val`."""
        y_hat: float = self._function(val).item()
        return y_hat

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._module!r})"
