"""A model's input is one vector, whatever features it is made of."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.bar import Bar, BarArrays, fields_needed
from shared.features.feature import AnyFeature, BarFeature, made_anew
from shared.features.registry import make_feature
from shared.record import Snapshot, fields_of
from shared.tick import State, Tick
from shared.user_code import code_of

_OnPrice: TypeAlias = Callable[[float], NDArray[np.float32] | None]


class FeatureVectorSnapshot(Snapshot):
    """The saved form of a FeatureVector of several features: their states by their specs."""

    features: dict[str, Any]


_snapshot = fields_of(FeatureVectorSnapshot)


class FeatureVector(Tick[Bar, NDArray[np.float32]]):
    """A FeatureVector puts the numbers of several features side by side, and gives None until all of them have some.

    - specs: of features of prices and of bars, in the order of the model's inputs, or features, of which it takes new
      ones. folder: where files of a user lie.
    - Output: float32 of shape (width,), in memory of its own.
    - code: of each feature the hash of the user's code, empty for one of ours.
    - width, needs, fields: the sum of the features' widths, and all groups and fields that one of them needs.
    - looks_back: the longest of the features', None where one has none.
    - takes_bars: says whether `on_tick` with a Bar is needed, or `on_price` with a price is enough, which costs less.
    - Raises ValueError for no spec, a bad one, or the same one twice; UserCodeFailed where a feature's result has
      another width than it says.

    >>> vector = FeatureVector(["log_return()", "log_return_lags(2)"])
    >>> vector.width, vector.takes_bars
    (3, False)
    >>> [vector.on_price(price) for price in (90.0, 100.0, 150.0)]
    [None, None, array([0.4054651 , 0.4054651 , 0.10536052], dtype=float32)]
    """

    def __init__(self, specs: Sequence[str | AnyFeature[Any, Any]], folder: Path | None = None) -> None:
        if isinstance(specs, str) or not specs:
            raise ValueError(f"a FeatureVector is made of a list of specs, not of {specs!r:.80}")
        self._features: list[AnyFeature[Any, Any]] = [
            make_feature(spec, folder) if isinstance(spec, str) else made_anew(spec) for spec in specs
        ]
        self._only = self._features[0] if len(self._features) == 1 else None
        self.specs = tuple(feature.spec for feature in self._features)
        self.code = tuple(code_of(type(feature)) for feature in self._features)
        if twice := [spec for at, spec in enumerate(self.specs) if spec in self.specs[:at]]:
            raise ValueError(f"feature {twice[0]} stands twice among the features")
        self.width = sum(feature.width for feature in self._features)
        self.needs = frozenset().union(*(feature.needs for feature in self._features))
        self.fields = frozenset[str]().union(*(feature.fields for feature in self._features))
        looks_back = [feature.looks_back for feature in self._features]
        known = [count for count in looks_back if count is not None]
        self.looks_back = max(known) if len(known) == len(looks_back) else None
        self.takes_bars = any(isinstance(feature, BarFeature) for feature in self._features)
        self._of_bars = [isinstance(feature, BarFeature) for feature in self._features]
        # Takes a price, where no feature is of bars; the only feature does so itself.
        self.on_price: _OnPrice = self._joined if self._only is None else self._only.numbers

    def on_tick(self, val: Bar) -> NDArray[np.float32] | None:
        """Takes a Bar; features of prices get its `close`."""
        return self._joined(val.close, val)

    def _joined(self, price: float, bar: Bar | None = None) -> NDArray[np.float32] | None:
        joined: NDArray[np.float32] = np.empty(self.width, np.float32)
        at: int | None = 0
        for feature, of_bars in zip(self._features, self._of_bars, strict=True):  # each takes the tick, full or not
            numbers = feature.numbers(bar if of_bars else price)
            if numbers is None:
                at = None
            elif at is not None:
                joined[at : at + feature.width] = numbers
                at += feature.width
        return None if at is None else joined

    @property
    def columns(self) -> tuple[str, ...]:
        """Returns the fields of a Bar that the features need, beside time and close."""
        return fields_needed(self.needs, self.fields)

    def array(self, seen: NDArray[np.float64] | BarArrays) -> NDArray[np.float32] | None:
        """Returns what a new one gives for each of n prices, or bars, of shape (n, width); see `AnyFeature.array`.

        None where a feature has no such form, or a bar does not tell what the features need: then they start anew
        there.
        """
        bars, prices = (seen, seen.close) if isinstance(seen, BarArrays) else (None, seen)
        told = [getattr(bars, name, None) for name in self.columns]
        if (bars is None and self.takes_bars) or any(each is None or np.isnan(each).any() for each in told):
            return None
        columns = [
            feature.array(bars if of_bars else prices)
            for feature, of_bars in zip(self._features, self._of_bars, strict=True)
        ]
        known = [column for column in columns if column is not None]
        if len(known) < len(columns):
            return None
        joined = np.concatenate(known, axis=1)
        for column in known:
            joined[np.isnan(column).all(axis=1)] = np.nan
        return joined

    def reset(self) -> None:
        """Forgets all that the features have seen."""
        for feature in self._features:
            feature.reset()

    def state(self) -> State:
        """Returns the features' states; of a single one its own."""
        if self._only is not None:
            return self._only.state()
        states = [feature.state() for feature in self._features]
        return _snapshot(features=dict(zip(self.specs, states, strict=True)))

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        if self._only is not None:
            self._only.restore(state)
            return
        saved = FeatureVectorSnapshot.of(state).features
        if saved.keys() != set(self.specs):
            raise ValueError(f"features {', '.join(self.specs)} do not take the states of {', '.join(saved):.200}")
        for spec, feature in zip(self.specs, self._features, strict=True):
            feature.restore(saved[spec])

    def __repr__(self) -> str:
        return f"FeatureVector([{', '.join(map(repr, self._features))}])"
