"""A spec says what a sweep tries, and makes the grid of trials."""

from collections.abc import Hashable
from decimal import Decimal
from itertools import product
from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.research.train import FitSpec
from shared.config import Settings
from shared.intervals import interval_ns, interval_text

T = TypeVar("T", bound=Hashable)


def _once(values: tuple[T, ...]) -> tuple[T, ...]:
    for at, value in enumerate(values):
        if value in values[:at]:
            raise ValueError(f"{value} stands twice: give each value once, since each is a trial that counts")
    return values


def _intervals(values: tuple[str, ...]) -> tuple[str, ...]:
    _once(tuple(interval_text(interval_ns(value)) for value in values))
    return values


_Some = Field(min_length=1)
_Lags = Annotated[int, Field(ge=1, le=1_000)]
_Leverage = Annotated[Decimal, Field(gt=0, le=1_000)]
_Threshold = Annotated[float, Field(ge=0)]


class SweepSpec(BaseModel):
    """A spec names the values to try; every combination of the first five fields is a trial.

    intervals: multiples of the file's; none: the file's own.
    thresholds: log returns; a trial trades where |y_hat| exceeds it, with 0 always.
    netting: one order a decision instead of two legs, in all trials.
    folds: of the walk-forward.
    holdout: the file's last share, which only the chosen trial is scored on.
    fit: how each model is made.
    earlier_trials: how many trials on the same data came before this sweep; they deflate too.

    >>> SweepSpec(lags=(1, 3), leverages=(Decimal(1), Decimal(2))).fit.model
    'LinearModel'
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    lags: Annotated[tuple[_Lags, ...], _Some, AfterValidator(_once)] = (3,)
    intervals: Annotated[tuple[str, ...], AfterValidator(_intervals)] = ()
    sizings: Annotated[tuple[Literal["compounding", "constant"], ...], _Some, AfterValidator(_once)] = ("compounding",)
    leverages: Annotated[tuple[_Leverage, ...], _Some, AfterValidator(_once)] = (Decimal(1),)
    thresholds: Annotated[tuple[_Threshold, ...], _Some, AfterValidator(_once)] = (0.0,)
    netting: bool = False
    folds: Annotated[int, Field(ge=1, le=1_000)] = 4
    holdout: Annotated[float, Field(gt=0, le=0.9)] = 0.2
    fit: FitSpec = FitSpec()
    earlier_trials: Annotated[int, Field(ge=0)] = 0


class Trading(NamedTuple):
    """A trading is one way to trade predictions. threshold: a log return; 0 is the basic taker."""

    sizing: Literal["compounding", "constant"]
    leverage: Decimal
    threshold: float
    netting: bool

    def settings(self, base: Settings) -> Settings:
        """Returns `base` with this strategy."""
        params = {"sizing": self.sizing, "leverage": str(self.leverage), "netting": self.netting}
        update = {"name": "basic_taker", "params": params}
        if self.threshold:
            update = {"name": "threshold", "params": {**params, "threshold": self.threshold}}
        return base.model_copy(update={"strategy": base.strategy.model_copy(update=update)})


class Trial(NamedTuple):
    """A trial is a model, which depends on lags and interval alone, and a way to trade it."""

    interval: str
    lags: int
    trading: Trading


def tradings(spec: SweepSpec) -> list[Trading]:
    """Returns all ways to trade one model."""
    grid = product(spec.sizings, spec.leverages, spec.thresholds)
    return [Trading(*values, spec.netting) for values in grid]


def trials(spec: SweepSpec) -> list[Trial]:
    """Returns all trials, those of one model side by side.

    >>> spec = SweepSpec(intervals=("12h", "1d"), lags=(1, 3), leverages=(Decimal(1), Decimal(2)))
    >>> found = trials(spec)
    >>> len(found), found[1].lags, found[1].trading.leverage
    (8, 1, Decimal('2'))
    """
    return [Trial(*values) for values in product(spec.intervals, spec.lags, tradings(spec))]
