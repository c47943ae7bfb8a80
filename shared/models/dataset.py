"""A dataset has the samples of a file: what a model is shown, and what it should have said; splits are by time."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared.errors import ConfigError
from shared.features.log_return import LogReturn
from shared.features.registry import make_feature
from shared.history.bar import HistoryBar
from shared.history.times import time_text
from shared.models.training import Window
from shared.plural import plural

Floats = npt.NDArray[np.float64]
_FIRST_ROOM = 1024


class ClosePrice(NamedTuple):
    """A close is a price and when it was known, ns since 1970 UTC."""

    ts_event: int
    price: float


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset holds n samples in the order of time.

    There is one for each price at which the feature was ready and that another price followed.

    x: float32 (n, width), the feature as the line computes it, to the bit.
    y: float64 (n,), the log return to the next price.
    ts, ts_next: int64 (n,), when x and y were known, ns.
    price: float64 (n,), at ts.
    last: float64 (n,), the log return that led to price, 0.0 for a first one.
    """

    x: npt.NDArray[np.float32]
    y: Floats
    ts: npt.NDArray[np.int64]
    ts_next: npt.NDArray[np.int64]
    price: Floats
    last: Floats

    def __len__(self) -> int:
        return len(self.y)

    def part(self, span: slice) -> "Dataset":
        """Returns the samples in `span`; views, no copies."""
        return Dataset(*(getattr(self, field.name)[span] for field in fields(self)))

    def window(self) -> Window:
        """Returns the time from the first sample to the last outcome."""
        return Window(start=time_text(int(self.ts[0])), end=time_text(int(self.ts_next[-1])), samples=len(self))

    def holes(self, interval_ns: int) -> int:
        """Counts the outcomes that came later than an interval after their sample."""
        return int(np.count_nonzero(self.ts_next - self.ts > interval_ns))


def dataset(bars: Iterable[HistoryBar], feature_spec: str) -> Dataset:
    """Makes the samples of `bars`, by their closes.

    Raises ValueError for an unknown feature, or one that is not finite somewhere.

    >>> from decimal import Decimal
    >>> prices = [Decimal(p) for p in (100, 110, 121, 100)]
    >>> data = dataset([HistoryBar(i, p, p, p, p, i + 2) for i, p in enumerate(prices)], "log_return_lags(1)")
    >>> data.x.tolist(), data.y.round(4).tolist(), data.ts.tolist()
    ([[0.09531018137931824], [0.09531018137931824]], [0.0953, -0.1906], [1, 2])
    """
    return samples((ClosePrice(bar.ts_event, float(bar.close)) for bar in bars), feature_spec)


def samples(closes: Iterable[ClosePrice], feature_spec: str) -> Dataset:
    """Makes the samples of closes: see `dataset`."""
    feature, log_return = make_feature(feature_spec), LogReturn()
    x = np.empty((_FIRST_ROOM, feature.width), np.float32)
    numbers: list[tuple[float, float, float]] = []  # y, price, last
    times: list[tuple[int, int]] = []
    ready, last, before = False, 0.0, ClosePrice(0, 0.0)
    for close in closes:
        moved = log_return.on_tick(close.price)
        y = 0.0 if moved is None else float(moved)
        if ready:
            numbers.append((y, before.price, last))
            times.append((before.ts_event, close.ts_event))
        value = feature.on_tick(close.price)
        ready, last, before = value is not None, y, close
        if value is not None:
            row = len(numbers)
            if row == len(x):
                x = np.concatenate([x, np.empty_like(x)])
            x[row] = value.numpy()
    count = len(numbers)
    x = x[:count].copy()
    if not np.isfinite(x).all():
        at = time_text(times[int(np.argmin(np.isfinite(x).all(axis=1)))][0])
        raise ValueError(f"{feature_spec} is not finite at {at}: correct the feature, or the prices before")
    columns = np.array(numbers, np.float64).reshape(count, 3).T.copy()
    stamps = np.array(times, np.int64).reshape(count, 2).T.copy()
    return Dataset(x, columns[0], stamps[0], stamps[1], columns[1], columns[2])


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
