"""What a model is shown is made of ticks here, in the line, in training and in a notebook alike; it needs no torch."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.bar import Bar
from shared.features.vector import FeatureVector
from shared.intervals import interval_ns
from shared.models.card import Card
from shared.record import Snapshot, fields_of
from shared.resampler import Resampler
from shared.tick import State, Tick
from shared.windows.sequence_window import SequenceWindow


class ModelInputSnapshot(Snapshot):
    """The saved form of a ModelInput that has a resampler or a window."""

    features: Any
    resampler: Any
    window: Any


_snapshot = fields_of(ModelInputSnapshot)


class ModelInput(Tick[Bar, NDArray[np.float32]]):
    """A ModelInput turns ticks into a model's input: longer bars, their features, the last vectors of these.

    - features: specs, in the order of the model's inputs. folder: where a user's files lie.
    - window: above 1, the input is a sequence of shape (window, width), oldest first; else of shape (width,).
    - resampler: makes the model's bars of the line's; None where they are the same. interval: of the model's bars.
    - Output: float32 in memory of its own; None at a tick that ends no bar of the model's, and until all is full.
    - shown: the hash of all that is above, and of the features' code of the user's: a state fits where it is the same.
    - width, needs, fields: as of the FeatureVector. takes_bars: whether `on_tick` is needed, or `on_price` is enough.

    >>> sequence = ModelInput(["log_return()"], window=2)
    >>> [sequence.on_price(price) for price in (90.0, 100.0, 150.0)]
    [None, None, array([[0.10536052],
           [0.4054651 ]], dtype=float32)]
    """

    def __init__(
        self,
        features: Sequence[str],
        window: int = 1,
        resampler: Resampler | None = None,
        folder: Path | None = None,
        *,
        interval: str = "",
    ) -> None:
        self.vector = FeatureVector(features, folder)
        self.width, self.needs, self.fields = self.vector.width, self.vector.needs, self.vector.fields
        self.takes_bars = self.vector.takes_bars or resampler is not None
        self._resampler = resampler
        self._window = SequenceWindow(window, self.width) if window > 1 else None
        # Takes a tick's price, where no Bar is needed; every such tick comes by, so nothing stands between.
        self.on_price = self.vector.on_price if self._window is None else self._windowed_price
        told = f"{self.vector.specs} {self.vector.code} {window} {resampler is None} {interval}"
        self.shown = sha256(told.encode()).hexdigest()[:16]

    @classmethod
    def of(cls, card: Card, interval: str, folder: Path | None = None) -> "ModelInput":
        """Returns the input of a card's model, from ticks at `interval`; ValueError where they do not fill its bars."""
        return cls(card.features, card.window, resampler_of(interval, card.interval), folder, interval=card.interval)

    def on_tick(self, val: Bar) -> NDArray[np.float32] | None:
        """Takes a tick as a Bar."""
        if self._resampler is None:
            return self._windowed(self.vector.on_tick(val))
        late = self._resampler.late(val)
        if late is not None:  # it fills the windows; what it would predict is over
            self._windowed(self.vector.on_tick(late))
        bar = self._resampler.on_tick(val)
        return None if bar is None else self._windowed(self.vector.on_tick(bar))

    def _windowed_price(self, price: float) -> NDArray[np.float32] | None:
        return self._windowed(self.vector.on_price(price))

    def _windowed(self, numbers: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        return numbers if numbers is None or self._window is None else self._window.on_tick(numbers)

    def reset(self) -> None:
        """Forgets all that it has seen."""
        self.vector.reset()
        if self._resampler is not None:
            self._resampler.reset()
        if self._window is not None:
            self._window.reset()

    def state(self) -> State:
        """Returns the features' state, with those of resampler and window where there are any."""
        features, resampler, window = self.vector.state(), self._resampler, self._window
        if resampler is None and window is None:
            return features
        return _snapshot(
            features=features,
            resampler=None if resampler is None else resampler.state(),
            window=None if window is None else window.state(),
        )

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        if self._resampler is None and self._window is None:
            self.vector.restore(state)
            return
        saved = ModelInputSnapshot.of(state)
        self.vector.restore(saved.features)
        if self._resampler is not None:
            self._resampler.restore(saved.resampler)
        if self._window is not None:
            self._window.restore(saved.window)

    def __repr__(self) -> str:
        return f"ModelInput({self.vector!r}, window={self._window!r}, resampler={self._resampler!r})"


def resampler_of(interval: str, wanted: str) -> Resampler | None:
    """Returns what makes bars of `wanted` out of ticks at `interval`; None where they are the same.

    >>> resampler_of("60m", "1h") is None, resampler_of("1m", "1h") is None
    (True, False)
    """
    if interval == wanted or interval_ns(interval) == interval_ns(wanted):
        return None
    return Resampler(interval_ns(interval), interval_ns(wanted))
