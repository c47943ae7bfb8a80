"""The grid of a sweep, one trial after the other."""

from decimal import Decimal
from itertools import product
from typing import Literal, NamedTuple

from services.research.sweep.spec import SweepSpec
from shared.config import Settings


class Trading(NamedTuple):
    """How predictions are traded. threshold: a log return; 0 is the basic taker."""

    sizing: Literal["compounding", "constant"]
    leverage: Decimal
    threshold: float
    netting: bool

    def settings(self, base: Settings) -> Settings:
        """`base` with this strategy."""
        params = {"sizing": self.sizing, "leverage": str(self.leverage), "netting": self.netting}
        update = {"name": "basic_taker", "params": params}
        if self.threshold:
            update = {"name": "threshold", "params": {**params, "threshold": self.threshold}}
        return base.model_copy(update={"strategy": base.strategy.model_copy(update=update)})


class Trial(NamedTuple):
    """A model, which is one of lags and interval alone, and how it is traded."""

    interval: str
    lags: int
    trading: Trading


def tradings(spec: SweepSpec) -> list[Trading]:
    """All ways to trade one model."""
    grid = product(spec.sizings, spec.leverages, spec.thresholds)
    return [Trading(*values, spec.netting) for values in grid]


def trials(spec: SweepSpec) -> list[Trial]:
    """All trials, those of one model side by side.

    >>> spec = SweepSpec(intervals=("12h", "1d"), lags=(1, 3), leverages=(Decimal(1), Decimal(2)))
    >>> found = trials(spec)
    >>> len(found), found[1].lags, found[1].trading.leverage
    (8, 1, Decimal('2'))
    """
    return [Trial(*values) for values in product(spec.intervals, spec.lags, tradings(spec))]
