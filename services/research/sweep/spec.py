"""A spec says what a sweep tries, and makes the grid of trials."""

import math
from collections.abc import Hashable
from typing import Annotated, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.research.sweep.grid import (
    Axis,
    Chosen,
    Parts,
    combinations,
    of_model,
    of_strategy,
    option_of,
    with_features,
    with_wrappers,
)
from services.research.train import FitSpec
from services.research.train.fit import make_module
from shared.config import Settings
from shared.errors import ConfigError
from shared.features.vector import FeatureVector
from shared.intervals import interval_ns, interval_text
from shared.messages.market import Group
from shared.models.card import FeatureSpecs
from shared.models.choose import chosen_card
from shared.strategies import make_strategy
from shared.user_code import blaming
from shared.user_code.bundle import Bundle

T = TypeVar("T", bound=Hashable)


def _once(values: tuple[T, ...]) -> tuple[T, ...]:
    for at, value in enumerate(values):
        if value in values[:at]:
            raise ValueError(f"{value} stands twice: give each value once, since each is a trial that counts")
    return values


def _intervals(values: tuple[str, ...]) -> tuple[str, ...]:
    _once(tuple(interval_text(interval_ns(value)) for value in values))
    return values


def _bars_or_share(value: float) -> float:
    if value >= 1 and not value.is_integer():
        raise ValueError(f"{value:g} is neither a number of bars nor a share below 1")
    return value


class SweepSpec(BaseModel):
    """A spec names the values to try; every combination of the intervals and the grid is a trial.

    - intervals: multiples of the file's; none: the file's own.
    - grid: parameters of the strategy that the settings name, of the features, and of the model.
    - features, window: what each model sees, as `train` takes it.
    - fit: how each model is made.
    - trained: a model is made for each interval, fold, and combination of features and model. Else all trials trade the
      settings' own, which may be none.
    - folds: of the walk-forward.
    - holdout: the file's last share, which only the chosen trial is scored on.
    - earlier_trials: how many trials on the same data came before this sweep; they deflate too.
    - purge: no outcome that a model learns is among the bars that the features of its fold's first sample see.
    - embargo: so many bars more, before each fold and the hold-out, are not learned from; below 1 a share of the
      interval's bars before the hold-out.
    - exact: the exact engine trades everything; else what the fast one does not.

    >>> SweepSpec(grid=(Axis.told("lags=1,3"), Axis.told("leverage=1,2"))).fit.model
    'LinearModel'
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    intervals: Annotated[tuple[str, ...], AfterValidator(_intervals)] = ()
    grid: tuple[Axis, ...] = ()
    features: FeatureSpecs = ("log_return_lags(3)",)
    window: Annotated[int, Field(ge=1, le=10_000)] = 1
    fit: FitSpec = FitSpec()
    trained: bool = True
    folds: Annotated[int, Field(ge=1, le=1_000)] = 4
    holdout: Annotated[float, Field(gt=0, le=0.9)] = 0.2
    earlier_trials: Annotated[int, Field(ge=0)] = 0
    purge: bool = False
    embargo: Annotated[float, Field(ge=0, le=1e9), AfterValidator(_bars_or_share)] = 0.0
    exact: bool = False

    def embargo_of(self, bars: int) -> int:
        """Returns the embargo in bars. bars: how many an interval has before the hold-out.

        >>> [SweepSpec(embargo=value).embargo_of(1_001) for value in (0.0, 0.01, 24.0)]
        [0, 11, 24]
        """
        return int(self.embargo) if self.embargo >= 1 else math.ceil(self.embargo * bars)

    def parts(self, settings: Settings) -> Parts:
        """Returns whose parameters the grid has; raises ConfigError where that is not clear."""
        found = Parts.of(self.grid, self.features, [str(wrapper["name"]) for wrapper in settings.strategy.wrappers])
        if not self.trained and found.model:
            raise ConfigError(f"{option_of(found.model[0].name)}: no model is made here: leave it out, or --model")
        if not self.trained and (self.purge or self.embargo):
            option = "--purge" if self.purge else "--embargo"
            raise ConfigError(f"{option}: no model is made here that could know too much: leave it out, or --model")
        return found


class Learner(NamedTuple):
    """A learner says what a model is made of, beside its data: trials with the same one share the model.

    - chosen: of the grid.
    """

    features: tuple[str, ...]
    fit: FitSpec
    window: int
    chosen: Chosen = ()

    def __str__(self) -> str:
        told = [f"{name}={value}" for name, value in self.chosen]
        return ", ".join(told or self.features)


class Trading(NamedTuple):
    """A trading is one way to trade: parameters of the settings' strategy and of its wrappers that the grid has."""

    chosen: Chosen = ()

    def settings(self, base: Settings) -> Settings:
        """Returns `base` with these parameters."""
        own = base.strategy
        update = {
            "params": {**own.params, **of_strategy(self.chosen)},
            "wrappers": with_wrappers(own.wrappers, self.chosen),
        }
        return base.model_copy(update={"strategy": own.model_copy(update=update)})


class Trial(NamedTuple):
    """A trial is an interval, a model, and a way to trade it. learner: None where the model is the settings' own."""

    interval: str
    learner: Learner | None
    trading: Trading

    @property
    def chosen(self) -> Chosen:
        """Returns the values of the whole grid, those of the model first."""
        return (*(self.learner.chosen if self.learner else ()), *self.trading.chosen)


def learners(spec: SweepSpec, parts: Parts) -> list[Learner | None]:
    """Returns all models to make at each interval and fold; raises ConfigError for arguments that no feature takes."""
    if not spec.trained:
        return [None]
    return [
        Learner(
            with_features(spec.features, chosen),
            spec.fit.model_copy(update={"params": {**spec.fit.params, **of_model(chosen)}}),
            spec.window,
            chosen,
        )
        for chosen in combinations(parts.model)
    ]


def tradings(parts: Parts) -> list[Trading]:
    """Returns all ways to trade one model."""
    return [Trading(chosen) for chosen in combinations(parts.strategy)]


class Plan(NamedTuple):
    """A plan says which models are made at each interval and fold, and in which ways each is traded.

    - needs, fields: the groups, and fields of these, that one of them sees of a bar beside its close.
    - code: the source of the user's own classes.
    """

    learners: tuple[Learner | None, ...]
    tradings: tuple[Trading, ...]
    needs: frozenset[Group]
    fields: frozenset[str]
    code: Bundle


def planned(settings: Settings, spec: SweepSpec) -> Plan:
    """Returns the plan of a sweep; raises ConfigError for the first value that no feature, model or strategy takes."""
    with blaming(settings.symbols[0]):
        parts = spec.parts(settings)
        models, ways = tuple(learners(spec, parts)), tuple(tradings(parts))
        vectors = [_shown(learner) for learner in models if learner is not None]
        needs = {group for vector in vectors for group in vector.needs}
        fields = {field for vector in vectors for field in vector.fields}
        needs |= {group for way in ways for group in _needed_by_strategy(way, settings)}
        own = settings.strategy
        classes = [own.name, *(str(wrapper["name"]) for wrapper in own.wrappers)]
        if spec.trained:
            classes += [spec.fit.model, *spec.features]
        elif (card := chosen_card(settings)) is not None:
            needs |= set(card.needs)
            fields |= set(card.fields)
            classes += [card.model or "", *card.features]
        return Plan(models, ways, frozenset(needs), frozenset(fields), Bundle.of(classes))


def _shown(learner: Learner) -> FeatureVector:
    vector = FeatureVector(learner.features)
    make_module(learner.fit, vector.width)
    return vector


def _needed_by_strategy(way: Trading, settings: Settings) -> frozenset[Group]:
    try:
        return make_strategy(way.settings(settings).strategy).needed()
    except ValueError as error:
        given = ", ".join(f"{name}={value}" for name, value in way.chosen)
        raise ConfigError(f"--grid {given}: {error}" if given else f"config: {error}") from error
