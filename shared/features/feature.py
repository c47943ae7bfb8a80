"""A feature adds to a Tick a name that a card can carry, what it needs of the market, and a way to forget."""

from abc import abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.bar import Bar
from shared.messages.market import Group
from shared.tick import Tick

T = TypeVar("T")
R = TypeVar("R")


class AnyFeature(Tick[T, R], Generic[T, R]):
    """A feature turns market data into one or several numbers, or into None until it has seen enough of them.

    - spec: the text from which `make_feature` builds an equal, empty feature, e.g. `log_return_lags(3)`. A model's card
      holds it.
    - width: how many numbers one result has; a model of this feature has as many inputs.
    - needs: the groups without which it cannot work.
    """

    needs: ClassVar[frozenset[Group]] = frozenset()
    width: int = 1

    @property
    @abstractmethod
    def spec(self) -> str:
        """Returns the feature's name and arguments, e.g. `log_return_lags(3)`."""

    @abstractmethod
    def reset(self) -> None:
        """Forgets all it has seen; the service calls it after a gap, which no window may span."""

    def numbers(self, val: T) -> NDArray[Any] | None:
        """Takes a value as `on_tick` does, and returns the result in numpy memory of its own, of shape (width,)."""
        result = self.on_tick(val)
        return None if result is None else np.array(result, dtype=np.float32, ndmin=1)


class Feature(AnyFeature[float, R], Generic[R]):
    """A feature of prices takes each tick's price as a float."""


class BarFeature(AnyFeature[Bar, R], Generic[R]):
    """A feature of bars takes each tick's Bar; `needs` says which of its fields are there."""

    needs = frozenset({Group.BAR})
