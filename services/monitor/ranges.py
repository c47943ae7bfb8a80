"""Features and y_hat are compared with the distributions in the card: how many lie where hardly any lay in training."""

from math import sqrt
from typing import Any, NamedTuple

from shared.messages import Features, Message, Prediction
from shared.messages.monitor import Measure
from shared.models.training import Distribution, Training
from shared.record import Snapshot
from shared.tick import State, Tick

WINDOW = 100  # values behind a reading
LOW, HIGH = 0.01, 0.99  # of the card's distribution
EXPECTED = 1 - (HIGH - LOW)
MOST = EXPECTED + 3 * sqrt(EXPECTED * (1 - EXPECTED) / WINDOW)  # three standard errors of independent values


class MeasuredValue(NamedTuple):
    """A value of a measure, its range, and how many values are behind it. See RangeReading.

    - ts_event, tr: of the bar at whose end it is known; None and empty: of the message that brought it.
    """

    what: Measure
    name: str
    value: float
    low: float
    high: float
    behind: int
    ts_event: int | None = None
    tr: str = ""


class OutsideSnapshot(Snapshot):
    """The saved form of an Outside."""

    seen: int
    outside: int


class Outside(Tick[float, float]):
    """An Outside counts values outside a distribution's bulk; returns their share after every WINDOW values.

    >>> outside = Outside(Distribution.of([float(i) for i in range(101)]))
    >>> [share for i in range(100) if (share := outside.on_tick(float(i))) is not None]
    [0.01]
    """

    def __init__(self, known: Distribution) -> None:
        self._low, self._high = known.quantiles[LOW], known.quantiles[HIGH]
        self._seen = self._outside = 0

    def on_tick(self, val: float) -> float | None:
        """Takes a value; one that is no number lies outside."""
        self._seen += 1
        self._outside += not self._low <= val <= self._high
        if self._seen < WINDOW:
            return None
        share = self._outside / WINDOW
        self._seen = self._outside = 0
        return share

    def state(self) -> State:
        """Returns the counts."""
        return OutsideSnapshot(seen=self._seen, outside=self._outside)

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = OutsideSnapshot.of(state)
        self._seen, self._outside = saved.seen, saved.outside


class RangesSnapshot(Snapshot):
    """The saved form of Ranges."""

    counts: dict[str, Any]


class Ranges(Tick[Message, list[MeasuredValue]]):
    """Ranges takes one symbol's Features and Predictions; returns shares outside the card's bulk, each after a window.

    - training: the card's; its quantiles at 1 and 99 % are what values are compared with.
    """

    def __init__(self, training: Training) -> None:
        self._features = [Outside(known) for known in training.features]
        self._y_hat = Outside(training.y_hat)

    def on_tick(self, val: Message) -> list[MeasuredValue]:
        """Takes a message; any other kind says nothing."""
        if isinstance(val, Prediction):
            return [] if val.y_hat is None else _shown(Measure.Y_HAT, "", self._y_hat.on_tick(val.y_hat))
        if not isinstance(val, Features):
            return []
        values = val.values.numpy().ravel().tolist()
        if len(values) != len(self._features):
            return []  # of another model than the card's
        pairs = enumerate(zip(self._features, values, strict=True), 1)
        return [
            each
            for i, (outside, value) in pairs
            for each in _shown(Measure.FEATURE, f"{i} of {val.spec}"[:300], outside.on_tick(value))
        ]

    def state(self) -> State:
        """Returns the counts."""
        counts = {str(i): outside.state() for i, outside in enumerate(self._features, 1)}
        return RangesSnapshot(counts=counts | {"y_hat": self._y_hat.state()})

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave; a card with other features begins anew."""
        saved = RangesSnapshot.of(state).counts
        if len(saved) != len(self._features) + 1:
            return
        for i, outside in enumerate(self._features, 1):
            outside.restore(saved[str(i)])
        self._y_hat.restore(saved["y_hat"])


def _shown(what: Measure, name: str, share: float | None) -> list[MeasuredValue]:
    return [] if share is None else [MeasuredValue(what, name, share, 0.0, round(MOST, 6), WINDOW)]
