"""A fit finds a model's weights: the same bits for the same samples and recipe on one machine."""

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NamedTuple, cast

import numpy as np
import torch
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from torch import nn

from shared.errors import ConfigError, DataError
from shared.models.dataset import Dataset
from shared.models.model import Model
from shared.models.registry import MODELS
from shared.models.training import Recipe
from shared.plural import plural

EpochDone = Callable[[int, int], None]  # how many epochs are done, of how many at most

LBFGS_ITERATIONS = 10
LBFGS_HISTORY = 20
# In units of standardised data: LBFGS goes on until there is nothing left to gain, not until it is near enough.
GRADIENT_TOLERANCE = 1e-10
CHANGE_TOLERANCE = 1e-14

_LOSSES: dict[str, type[nn.Module]] = {"l1": nn.L1Loss, "huber": nn.HuberLoss, "mse": nn.MSELoss}
_ONE_AT_A_TIME = threading.Lock()  # seed, threads and kernels of torch are the whole process's


class Diverged(ConfigError):
    """The fit ended worse than it began, or in numbers that are not finite."""


def _known_model(name: str) -> str:
    if name not in MODELS:
        raise ValueError(f"model {name!r} is unknown; there are: {', '.join(MODELS)}")
    if MODELS[name].rescale is Model.rescale:  # type: ignore[attr-defined]
        raise ValueError(f"model {name!r} cannot be trained: its class has no `rescale`")
    return name


class FitSpec(BaseModel):
    """A spec says what is fitted, and how.

    model: a name in `shared.models.registry`. params: its constructor's further arguments.

    >>> FitSpec(recipe=Recipe(loss="mse", seed=1)).model
    'LinearModel'
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    model: Annotated[str, AfterValidator(_known_model)] = "LinearModel"
    params: dict[str, Annotated[int, Field(ge=1, le=100_000)]] = {}
    recipe: Recipe = Recipe()


class Fitted(NamedTuple):
    """A fitted model is float32 and in eval mode; epochs counts those of its weights."""

    module: Model
    epochs: int


def fit(data: Dataset, spec: FitSpec, done: EpochDone | None = None) -> Fitted:
    """Fits a model to all of `data`.

    With a validation share the number of epochs is found first, on the earlier samples, as that after which the loss
    on the later ones was lowest (early stop); then a new model is fitted to all samples for that many epochs
    (Goodfellow, Bengio, Courville, Deep Learning (2016), algorithm 7.2). Else it stops at `epochs`, or when an epoch
    changes nothing any more.

    Features are standardised and targets scaled to one standard deviation, in float64; the weights that come out are
    for the data as they are, rounded to float32 once. Raises DataError for too few samples, or targets that never
    differ, ConfigError for a model that cannot be built, and Diverged.
    """
    recipe = spec.recipe
    first = len(data) - round(len(data) * recipe.validation_share)
    if first < data.x.shape[1] + 2:
        needed = data.x.shape[1] + 2
        raise DataError(
            f"{plural(first, 'sample')} to fit {plural(data.x.shape[1], 'feature')}: {needed} are the least: "
            "use more rows"
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
        return Fitted(run.module(), epochs)


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
        x = data.x.astype(np.float64)
        self._shift, self._scale = x.mean(axis=0), x.std(axis=0)
        self._scale[self._scale <= 1e-12 * np.abs(x).max(axis=0)] = 1.0  # a feature that never differs
        self._y_scale = float(data.y.std())
        if np.ptp(data.y) <= 1e-12 * np.abs(data.y).max():
            raise DataError(f"the {len(data)} returns to learn from are all the same: use prices that move")
        torch.manual_seed(spec.recipe.seed)
        try:
            self._module = MODELS[spec.model](x.shape[1], **spec.params).double()
        except TypeError as error:
            given = ", ".join(inspect.signature(MODELS[spec.model]).parameters)
            raise ConfigError(f"model {spec.model} takes {given}, not {', '.join(spec.params)}") from error
        self._recipe, self._loss = spec.recipe, _LOSSES[spec.recipe.loss]()
        self._x, self._y = self._tensors(data)
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

    def module(self) -> Model:
        """Returns the model for data as they are."""
        shift, scale = torch.from_numpy(self._shift), torch.from_numpy(self._scale)
        self._module.rescale(shift, scale, self._y_scale)
        module = self._module.float().eval()
        if self._last > self._began or not all(bool(torch.isfinite(p).all()) for p in module.parameters()):
            raise self._diverged()
        return module

    def _closure(self) -> torch.Tensor:
        self._optimiser.zero_grad()
        loss: torch.Tensor = self._loss(self._module(self._x), self._y)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    @torch.no_grad()
    def _value(self, x: torch.Tensor, y: torch.Tensor) -> float:
        self._module.eval()
        return float(self._loss(self._module(x), y))

    def _tensors(self, data: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
        x = (data.x.astype(np.float64) - self._shift) / self._scale
        return torch.from_numpy(x), torch.from_numpy(data.y / self._y_scale).unsqueeze(1)

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
