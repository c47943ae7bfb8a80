"""A feature adds two things to a Tick: a name that a card can carry, and a way to forget."""

from abc import abstractmethod
from typing import Generic, TypeVar

from shared.tick import Tick

R = TypeVar("R")


class Feature(Tick[float, R], Generic[R]):
    """A feature turns a price into one or several numbers, or into None until it has seen enough prices.

    - spec: the text from which `make_feature` builds an equal, empty feature, e.g. `log_return_lags(3)`. A model's card
      holds it.
    - width: how many numbers one result has; a model of this feature has as many inputs.
    """

    width: int = 1

    @property
    @abstractmethod
    def spec(self) -> str:
        """Returns the feature's name and arguments, e.g. `log_return_lags(3)`."""

    @abstractmethod
    def reset(self) -> None:
        """Forgets all prices; the service calls it after a gap, which no window may span."""
