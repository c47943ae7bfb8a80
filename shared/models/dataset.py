"""A dataset has the samples of a file: what a model is shown, and what it should have said; splits are by time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shared.bar import Bar
from shared.bar_groups import seen_bar
from shared.errors import ConfigError
from shared.features.feature import AnyFeature
from shared.features.log_return import LogReturn
from shared.features.vector import FeatureVector
from shared.history.bar import HistoryBar
from shared.history.times import time_text
from shared.models.training import Window
from shared.plural import plural

Floats = npt.NDArray[np.float64]
_FIRST_ROOM = 1024


class Seen(NamedTuple):
    """What is seen at a tick: a close, when it was known, ns since 1970 UTC, and its bar.

    - bar: None where the features need none, or where a group that they need is missing.
    """

    ts_event: int
    close: float
    bar: Bar | None = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset holds n samples in the order of time.

    There is one for each tick at which the features, and a window of them, were ready and that another tick followed.

    - x: float32 (n, no_features), the features as the line computes them, to the bit; with a window above 1 (n, window,
      no_features), oldest first, which may be a view of fewer numbers.
    - y: float64 (n,), the log return to the next price.
    - ts, ts_next: int64 (n,), when x and y were known, ns.
    - price: float64 (n,), at ts.
    - last: float64 (n,), the log return that led to price, 0.0 for a first one.
    """

    x: npt.NDArray[np.float32]
    y: Floats
    ts: npt.NDArray[np.int64]
    ts_next: npt.NDArray[np.int64]
    price: Floats
    last: Floats

    def __len__(self) -> int:
        return len(self.y)

    @property
    def no_features(self) -> int:
        """Returns how many numbers a tick has."""
        return int(self.x.shape[-1])

    @property
    def newest(self) -> npt.NDArray[np.float32]:
        """Returns the numbers of each sample's own tick, (n, no_features): of a window the last ones."""
        return self.x if self.x.ndim == 2 else self.x[:, -1]

    def part(self, span: slice) -> "Dataset":
        """Returns the samples in `span`; views, no copies."""
        return Dataset(*(getattr(self, field.name)[span] for field in fields(self)))

    def known_before(self, ts_event: int) -> int:
        """Returns how many samples have an outcome that was known before `ts_event`."""
        return int(np.searchsorted(self.ts_next, ts_event))

    def window(self) -> Window:
        """Returns the time from the first sample to the last outcome."""
        return Window(start=time_text(int(self.ts[0])), end=time_text(int(self.ts_next[-1])), samples=len(self))

    def holes(self, interval_ns: int) -> int:
        """Counts the outcomes that came later than an interval after their sample."""
        return int(np.count_nonzero(self.ts_next - self.ts > interval_ns))


def dataset(
    bars: Iterable[HistoryBar],
    features: str | AnyFeature[Any, Any] | Sequence[str | AnyFeature[Any, Any]],
    *,
    window: int = 1,
    sym: str = "",
    folder: Path | None = None,
) -> Dataset:
    """Makes the samples of `bars`.

    - features: one or several, by their specs or as objects. folder: where files of a user lie.
    - window: how many feature vectors a sample has.
    - sym: of the bars that the features see.
    - Raises ValueError for an unknown feature, or one that is not finite somewhere.

    >>> from decimal import Decimal
    >>> prices = [Decimal(p) for p in (100, 110, 121, 100)]
    >>> data = dataset([HistoryBar(i, p, p, p, p, i + 2) for i, p in enumerate(prices)], "log_return_lags(1)")
    >>> data.x.tolist(), data.y.round(4).tolist(), data.ts.tolist()
    ([[0.09531018137931824], [0.09531018137931824]], [0.0953, -0.1906], [1, 2])
    """
    vector = FeatureVector([features] if isinstance(features, str | AnyFeature) else features, folder)
    return samples(seen(bars, vector, sym), vector, window)


def seen(bars: Iterable[HistoryBar], vector: FeatureVector, sym: str) -> Iterator[Seen]:
    """Yields what a tick of each bar shows to the features."""
    if not vector.takes_bars:
        return (Seen(bar.ts_event, float(bar.close)) for bar in bars)
    return (Seen(bar.ts_event, float(bar.close), seen_bar(sym, bar, vector.needs, vector.fields)) for bar in bars)


def samples(found: Iterable[Seen], vector: FeatureVector, window: int = 1) -> Dataset:
    """Makes the samples of what is seen: see `dataset`.

    A tick whose bar lacks a group makes the features start anew.
    """
    rows = _Rows(vector.width, window)
    log_return, takes_bars = LogReturn(), vector.takes_bars
    last, before = 0.0, Seen(0, 0.0)
    for tick in found:
        moved = log_return.on_tick(tick.close)
        y = 0.0 if moved is None else float(moved)
        rows.outcome(y, before, last, tick.ts_event)  # of the tick before: its sample has to wait for this one
        last, before = y, tick
        if takes_bars and tick.bar is None:
            vector.reset()
            rows.start_anew()
            continue
        value = vector.on_price(tick.close) if tick.bar is None else vector.on_tick(tick.bar)
        if value is not None:
            rows.add(value)
    x, numbers, times = rows.arrays()
    if not np.isfinite(x).all():
        bad = ~np.isfinite(x).reshape(len(x), -1).all(axis=1)
        at = time_text(times[int(np.argmax(bad))][0])
        specs = ", ".join(vector.specs)
        raise ValueError(f"{specs} is not finite at {at}: correct the feature, or the prices before")
    y_all, price, last_all = np.array(numbers, np.float64).reshape(len(x), 3).T.copy()
    ts, ts_next = np.array(times, np.int64).reshape(len(x), 2).T.copy()
    return Dataset(x, y_all, ts, ts_next, price, last_all)


class _Rows:
    """The rows gather feature vectors, and what came after those at which a window was full.

    All vectors lie in one array, and each sample names the place of its newest one: with a window the samples are
    views of that array, which holds each vector once.
    """

    def __init__(self, width: int, window: int) -> None:
        self._window = window
        self._vectors = np.empty((_FIRST_ROOM, width), np.float32)
        self._count = 0  # of vectors
        self._begins = 0  # the first one that a window may hold
        self._ready = False  # the last tick had a full window
        self._ends: list[int] = []  # of each sample: the place of its newest vector
        self._numbers: list[tuple[float, float, float]] = []  # y, price, last
        self._times: list[tuple[int, int]] = []

    def add(self, vector: npt.NDArray[np.float32]) -> None:
        if self._count == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.empty_like(self._vectors)])
        self._vectors[self._count] = vector
        self._count += 1
        self._ready = self._count - self._begins >= self._window

    def start_anew(self) -> None:
        self._begins = self._count

    def outcome(self, y: float, before: Seen, last: float, ts_event: int) -> None:
        """Makes a sample of the tick before, if its window was full."""
        if self._ready:
            self._ready = False
            self._ends.append(self._count - 1)
            self._numbers.append((y, before.close, last))
            self._times.append((before.ts_event, ts_event))

    def arrays(self) -> tuple[npt.NDArray[np.float32], list[tuple[float, float, float]], list[tuple[int, int]]]:
        """Returns the samples' x, and for each its numbers and times; x is a plain slice where no vector is skipped."""
        count, window = len(self._ends), self._window
        if window == 1:
            first = self._ends[0] if self._ends else 0
            whole = self._ends == list(range(first, first + count))
            x = self._vectors[first : first + count].copy() if whole else self._vectors[self._ends]
            return x, self._numbers, self._times
        shape = (count, window, self._vectors.shape[1])
        if not count:
            return np.empty(shape, np.float32), self._numbers, self._times
        vectors = self._vectors[: self._ends[-1] + 1].copy()
        views = np.lib.stride_tricks.sliding_window_view(vectors, window, axis=0).swapaxes(1, 2)
        first = self._ends[0] - window + 1
        whole = self._ends == list(range(self._ends[0], self._ends[0] + count))
        return (
            views[first : first + count] if whole else views[np.array(self._ends) - window + 1],
            self._numbers,
            self._times,
        )


def holdout(n: int, share: float) -> tuple[slice, slice]:
    """Splits n samples into the first ones, to train on, and the last `share`, rounded, which the model never sees.

    >>> holdout(688, 0.25)
    (slice(0, 516, None), slice(516, 688, None))
    """
    first = n - round(n * share)
    return slice(0, first), slice(first, n)


def walk_forward_splits(n: int, k: int) -> list[tuple[slice, slice]]:
    """Splits n samples into k folds: of k + 1 equal parts each but the first is tested after all before it.

    Nothing is shuffled: what is tested on lies after what was trained on.

    >>> walk_forward_splits(10, 4)
    [(slice(0, 2, None), slice(2, 4, None)), (slice(0, 4, None), slice(4, 6, None)), ..., (..., slice(8, 10, None))]

    Raises ConfigError where there are fewer samples than parts.
    """
    if k < 1 or n < k + 1:
        raise ConfigError(
            f"walk-forward of {plural(k, 'fold')} over {plural(n, 'sample')}: use at least 1 fold and {k + 1} samples"
        )
    edges = [n * i // (k + 1) for i in range(1, k + 2)]
    return [(slice(0, start), slice(start, end)) for start, end in pairwise(edges)]
