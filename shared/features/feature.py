"""What every feature has beyond a Tick: a name that a card can carry, and a way to forget."""

from abc import abstractmethod
from typing import Generic, TypeVar

from shared.tick import Tick

R = TypeVar("R")


class Feature(Tick[float, R], Generic[R]):
    """A Tick from price to feature value.

    spec: what `make_feature` builds an equal, empty one from, e.g. `log_return_lags(3)`. It stands in the model's card.
    width: how many numbers one result has; a model for it has as many inputs.
    """

    width: int = 1

    @property
    @abstractmethod
    def spec(self) -> str:
        """The feature in one word, e.g. `log_return_lags(3)`."""

    @abstractmethod
    def reset(self) -> None:
        """Forget all that was seen: after a gap the window would span it."""
