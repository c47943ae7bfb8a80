"""A return is told in standard deviations of the returns before it, so that a wild market is no decay."""

from math import sqrt

from shared.record import Snapshot
from shared.tick import State, Tick

BOUND = 5.0  # B: gains beyond it count as this; losses are never cut off
HALF_LIFE = 60.0  # held bars
DECAY = 0.5 ** (1 / HALF_LIFE)
LEAST = 0.25  # of the card's standard deviation; a dead market would blow up whatever comes after it
WARM_UP = 20  # held bars, where no card says what to begin with


class ScaleSnapshot(Snapshot):
    """The saved form of a Scale. least: None while it warms up."""

    variance: float
    least: float | None
    seen: int


class Scale(Tick[float, float]):
    """A Scale divides a held bar's return by an EWMA standard deviation, and cuts it off at BOUND from above.

    The deviation is about 0, knows the held bars before this one alone, and is LEAST of `sd` or more.

    - sd: the standard deviation to begin with, of one held bar's return; None where no card has one. Then the first
      WARM_UP bars give None and make it.

    >>> scale = Scale(0.01)
    >>> [round(scale.on_tick(net), 3) for net in (0.01, -0.02, 0.2)]
    [1.0, -2.0, 5.0]
    """

    def __init__(self, sd: float | None) -> None:
        if sd is not None and not sd > 0:
            raise ValueError(f"a standard deviation is above 0, not {sd}")
        self._variance = 0.0 if sd is None else sd * sd
        self._least = None if sd is None else (LEAST * sd) ** 2
        self._seen = 0

    def on_tick(self, val: float) -> float | None:
        """Takes a return as a share of the position; returns it in standard deviations."""
        variance, least = self._variance, self._least
        if least is None:
            self._warm_up(val)
            return None
        self._variance = variance + (1 - DECAY) * (val * val - variance)
        return min(val / sqrt(max(variance, least)), BOUND)

    def _warm_up(self, val: float) -> None:
        self._seen += 1
        self._variance += (val * val - self._variance) / self._seen
        if self._seen >= WARM_UP and self._variance > 0:
            self._least = LEAST * LEAST * self._variance

    def state(self) -> State:
        """Returns the variance, and where it began."""
        return ScaleSnapshot(variance=self._variance, least=self._least, seen=self._seen)

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = ScaleSnapshot.of(state)
        self._variance, self._least, self._seen = saved.variance, saved.least, saved.seen
