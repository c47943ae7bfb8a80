"""A fit finds a model's weights: the same bits for the same samples and recipe on one machine."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NamedTuple, cast

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from shared.errors import ConfigError, DataError
from shared.models.card import ModelRefused, Params
from shared.models.dataset import Dataset
from shared.models.model import Model
from shared.models.standardised import Standardised, can_rescale
from shared.models.torch_model import class_of, empty_module
from shared.models.training import Recipe
from shared.plural import plural

EpochDone = Callable[[int, int], None]  # how many epochs are done, of how many at most

LBFGS_ITERATIONS = 10
LBFGS_HISTORY = 20
# In units of standardised data: LBFGS goes on until there is nothing left to gain, not until it is near enough.
GRADIENT_TOLERANCE = 1e-10
CHANGE_TOLERANCE = 1e-14

_COMPARED = 16  # samples, alone and together
_TOLERANCE = 1e-4  # of the largest: float32 products of other shapes differ in their last bits

_LOSSES: dict[str, type[nn.Module]] = {"l1": nn.L1Loss, "huber": nn.HuberLoss, "mse": nn.MSELoss}
_ONE_AT_A_TIME = threading.Lock()  # seed, threads and kernels of torch are the whole process's


class Diverged(ConfigError):
    """The fit ended worse than it began, or in numbers that are not finite."""


class FitSpec(BaseModel):
    """A spec says what is fitted, and how.

    - model: a name in `shared.models.registry`, or a torch class of the user's, `file.py:Class` or
      `package.module:Class`; a batch of samples goes in, one number a sample comes out.
    - params: its constructor's further arguments.

    >>> FitSpec(recipe=Recipe(loss="mse", seed=1)).model
    'LinearModel'
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    model: Annotated[str, Field(min_length=1, max_length=200)] = "LinearModel"
    params: Params = {}
    recipe: Recipe = Recipe()


class Fitted(NamedTuple):
    """A fitted model is float32 and in eval mode.

    - epochs: counts those of its weights.
    - batched: the module takes a sample as a batch of one alone.
    """

    module: nn.Module
    epochs: int
    batched: bool = False

    @property
    def standardised(self) -> bool:
        """Says whether the scales lie in a layer around the module, not in its own weights."""
        return isinstance(self.module, Standardised)


def fit(data: Dataset, spec: FitSpec, done: EpochDone | None = None) -> Fitted:
    """Fits a model to all of `data`.

    With a validation share the number of epochs is found first, on the earlier samples, as that after which the loss
    on the later ones was lowest (early stop); then a new model is fitted to all samples for that many epochs
    (Goodfellow, Bengio, Courville, Deep Learning (2016), algorithm 7.2). Else it stops at `epochs`, or when an epoch
    changes nothing any more.

    Features are standardised and targets scaled to one standard deviation, in float64; what comes out is for the data
    as they are, rounded to float32 once: the weights of a class with `rescale`, else a `Standardised` around them. A
    class that computes in float32 alone is fitted so.

    Raises DataError for too few samples, or targets that never differ, ConfigError for a model that cannot be built or
    does not give one number a sample, and Diverged.
    """
    recipe = spec.recipe
    first = len(data) - round(len(data) * recipe.validation_share)
    if first < data.no_features + 2:
        raise DataError(
            f"{plural(first, 'sample')} to fit {plural(data.no_features, 'feature')}: {data.no_features + 2} are the "
            "least: use more rows"
        )
    with _reproducible():
        epochs = recipe.epochs
        if first < len(data):
            epochs = _best_epoch(data.part(slice(0, first)), data.part(slice(first, None)), spec, done)
        run = _Run(data, spec)
        for epoch in range(1, epochs + 1):
            if not run.epoch():
                epochs = epoch
            if done is not None:
                done(epoch, epochs)
            if epoch == epochs:
                break
        module = run.module()
        return Fitted(module, epochs, _takes_batches_alone(module, data, spec.model))


def _best_epoch(earlier: Dataset, later: Dataset, spec: FitSpec, done: EpochDone | None) -> int:
    run, recipe = _Run(earlier, spec), spec.recipe
    best, lowest = 1, np.inf
    for epoch in range(1, recipe.epochs + 1):
        going_on = run.epoch()
        loss = run.loss_on(later)
        if loss < lowest:
            best, lowest = epoch, loss
        if done is not None:
            done(epoch, recipe.epochs)
        if not going_on or epoch - best >= recipe.patience:
            break
    return best


@contextmanager
def _reproducible() -> Iterator[None]:
    """Gives torch one thread, deterministic kernels and random numbers of its own; other threads wait meanwhile."""
    with _ONE_AT_A_TIME, torch.random.fork_rng(devices=[]):
        threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict)
            torch.set_num_threads(threads)


class _Run:
    """A run fits one model, in standardised units."""

    def __init__(self, data: Dataset, spec: FitSpec) -> None:
        x = data.newest.astype(np.float64)
        self._shift, self._scale = x.mean(axis=0), x.std(axis=0)
        self._scale[self._scale <= 1e-12 * np.abs(x).max(axis=0)] = 1.0  # a feature that never differs
        self._y_scale = float(data.y.std())
        if np.ptp(data.y) <= 1e-12 * np.abs(data.y).max():
            raise DataError(f"the {len(data)} returns to learn from are all the same: use prices that move")
        torch.manual_seed(spec.recipe.seed)
        self._module = make_module(spec, data.no_features)
        if not any(parameter.requires_grad for parameter in self._module.parameters()):
            raise ConfigError(f"model {spec.model} has no parameter to fit: name a class with weights")
        self._layer: nn.Module = self._module
        if not can_rescale(self._module):
            self._layer = Standardised(self._module, data.no_features)
            # What is learned is learned behind the very numbers that the layer will hold.
            self._shift, self._scale = (
                each.astype(np.float32).astype(np.float64) for each in (self._shift, self._scale)
            )
        self._recipe, self._loss, self._name = spec.recipe, _LOSSES[spec.recipe.loss](), spec.model
        self._dtype = torch.float64
        self._x, self._y = self._tensors(data)
        self._dtype = _dtype(self._module, self._x[:2])
        self._layer.to(self._dtype)
        self._x, self._y = self._x.to(self._dtype), self._y.to(self._dtype)
        self._optimiser = _optimiser(self._module, spec.recipe)
        self._epochs = 0
        self._began = self._last = self._value(self._x, self._y)

    def epoch(self) -> bool:
        """Runs one more epoch; False when it changed nothing."""
        self._module.train()
        cast(Any, self._optimiser).step(self._closure)
        self._epochs += 1
        before, self._last = self._last, self._value(self._x, self._y)
        if not np.isfinite(self._last):
            raise self._diverged()
        return self._last != before

    def loss_on(self, data: Dataset) -> float:
        """Returns the loss on other samples, in the units of this run."""
        return self._value(*self._tensors(data))

    def module(self) -> nn.Module:
        """Returns the model for data as they are."""
        shift, scale = torch.from_numpy(self._shift), torch.from_numpy(self._scale)
        assert isinstance(self._layer, Model)
        self._layer.double().rescale(shift, scale, self._y_scale)
        module = self._layer.float().eval()
        tensors = [tensor for tensor in module.state_dict().values() if tensor.is_floating_point()]
        if self._last > self._began or not all(bool(torch.isfinite(tensor).all()) for tensor in tensors):
            raise self._diverged()
        return module

    def _closure(self) -> torch.Tensor:
        self._optimiser.zero_grad()
        loss: torch.Tensor = self._loss(self._predicted(self._x), self._y)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    @torch.no_grad()
    def _value(self, x: torch.Tensor, y: torch.Tensor) -> float:
        self._module.eval()
        return float(self._loss(self._predicted(x), y))

    def _predicted(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the module's answers to a batch, (n, 1); raises ConfigError for any other shape."""
        y: torch.Tensor = self._module(x)
        if y.shape == (len(x), 1):
            return y
        if y.shape == (len(x),):
            return y.unsqueeze(1)
        raise ConfigError(
            f"model {self._name} answers a batch of shape {tuple(x.shape)} with {tuple(y.shape)}, not {(len(x), 1)}: "
            "let it give one number a sample, with the batch as the first axis"
        )

    def _tensors(self, data: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
        x = (data.x.astype(np.float64) - self._shift) / self._scale
        y = torch.from_numpy(data.y / self._y_scale).unsqueeze(1)
        return torch.from_numpy(x).to(self._dtype), y.to(self._dtype)

    def _diverged(self) -> Diverged:
        return Diverged(
            f"the fit diverged: the {self._recipe.loss} loss went from {self._began:.4g} to {self._last:.4g} in "
            f"{plural(self._epochs, 'epoch')} (1 is the targets' standard deviation): lower --lr ({self._recipe.lr:g})"
        )


def _optimiser(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimiser == "adam":
        return torch.optim.Adam(module.parameters(), lr=recipe.lr)
    return torch.optim.LBFGS(
        module.parameters(),
        lr=recipe.lr,
        max_iter=LBFGS_ITERATIONS,
        history_size=LBFGS_HISTORY,
        tolerance_grad=GRADIENT_TOLERANCE,
        tolerance_change=CHANGE_TOLERANCE,
        line_search_fn="strong_wolfe",
    )


def make_module(spec: FitSpec, no_features: int) -> nn.Module:
    """Returns a new module; raises ConfigError for a class that is not there, or params that it does not take."""
    where = "--class"
    try:
        make = class_of(spec.model, where)
        return empty_module(make, spec.model, no_features, spec.params, where)
    except ModelRefused as error:
        raise ConfigError(str(error)) from error


def _dtype(module: nn.Module, x: torch.Tensor) -> torch.dtype:
    """Returns float64, or float32 for a class that makes float32 tensors of its own in `forward`."""
    with torch.no_grad():
        try:
            module.double().eval()(x)
        except RuntimeError:
            return torch.float32
    return torch.float64


@torch.no_grad()
def _takes_batches_alone(module: nn.Module, data: Dataset, name: str) -> bool:
    """Returns whether a sample must be a batch of one; raises ConfigError where a sample's answer is not its own."""
    x = torch.from_numpy(data.x[: len(data) : max(len(data) // _COMPARED, 1)][:_COMPARED].copy())
    together = module(x).reshape(-1)
    batched = not _same(module, list(x), together)
    if batched and not _same(module, [sample.unsqueeze(0) for sample in x], together):
        raise ConfigError(
            f"model {name} answers a sample otherwise alone than among others: take the batch as the first axis (an "
            "LSTM with batch_first=True), and nothing from one sample to the next"
        )
    return batched


def _same(module: nn.Module, samples: list[torch.Tensor], together: torch.Tensor) -> bool:
    try:
        alone = [module(sample) for sample in samples]
    except (RuntimeError, IndexError, ValueError):  # whatever a module says to a shape that it does not take
        return False
    if any(each.numel() != 1 for each in alone):
        return False
    tolerance = _TOLERANCE * float(together.abs().max())
    return bool(torch.allclose(torch.stack([each.reshape(()) for each in alone]), together, rtol=1e-4, atol=tolerance))
