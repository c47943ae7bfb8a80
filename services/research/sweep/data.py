"""The data of a sweep are the prices of an interval, and which of their time is for what."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from services.research.train import holdout, walk_forward_splits
from shared.errors import ConfigError
from shared.history import HistoryBar
from shared.models.dataset import ClosePrice
from shared.plural import plural


@dataclass(frozen=True, eq=False)
class PriceSeries:
    """A series holds n closes of one interval, in a form that travels well.

    ts: int64 (n,), when each was known, ns since 1970 UTC, ascending. text: bytes (n,), all their digits. They are two
    arrays, so that joblib maps large ones into its workers instead of copying them.

    >>> prices = PriceSeries.of("1h", [HistoryBar(ts, *[Decimal(p)] * 4, 2) for ts, p in ((1, "1.50"), (2, "2"))])
    >>> len(prices), list(prices.closes()), prices.until(2).text.tolist()
    (2, [ClosePrice(ts_event=1, price=1.5), ClosePrice(ts_event=2, price=2.0)], [b'1.50'])
    """

    interval: str
    ts: npt.NDArray[np.int64]
    text: npt.NDArray[np.bytes_]

    @classmethod
    def of(cls, interval: str, bars: Iterable[HistoryBar]) -> "PriceSeries":
        """Returns the closes of bars."""
        rows = [(bar.ts_event, str(bar.close).encode()) for bar in bars]
        return cls(
            interval, np.array([ts for ts, _ in rows], np.int64), np.array([text for _, text in rows], np.bytes_)
        )

    def __len__(self) -> int:
        return len(self.ts)

    def count_until(self, ts_event: int) -> int:
        """Returns how many were known before `ts_event`."""
        return int(np.searchsorted(self.ts, ts_event))

    def until(self, ts_event: int) -> "PriceSeries":
        """Returns those known before `ts_event`."""
        count = self.count_until(ts_event)
        return replace(self, ts=self.ts[:count], text=self.text[:count])

    def closes(self) -> Iterator[ClosePrice]:
        """Yields the closes as floats, for training."""
        return (ClosePrice(ts, float(text)) for ts, text in zip(self.ts.tolist(), self.text.tolist(), strict=True))

    def bars(self, first: int) -> Iterator[HistoryBar]:
        """Yields the bars behind the first `first`, as Decimals, for trading; row: the place among the closes."""
        for row, (ts, text) in enumerate(zip(self.ts[first:].tolist(), self.text[first:].tolist(), strict=True), first):
            price = Decimal(text.decode())
            yield HistoryBar(ts, price, price, price, price, row, price_alone=True)


MIN_BARS = 3  # two bars have one return of the market between them, of which there is no deviation


class Span(NamedTuple):
    """A span has the bars that end in [start_ns, end_ns)."""

    start_ns: int
    end_ns: int


class Periods(NamedTuple):
    """The periods say which time is for what.

    folds: each is traded by a model that learned from all before it. holdout: the rest, up to the last bar, which
    nothing sees before the end.
    """

    folds: tuple[Span, ...]
    holdout: Span


def periods(ts: npt.NDArray[np.int64], folds: int, share: float) -> Periods:
    """Cuts the time of a file. ts: the ends of its bars. share: of the hold-out.

    The cuts are times, so that trials of all lags and intervals trade the same ones.

    Raises ConfigError where a part would have fewer than `MIN_BARS`.

    >>> found = periods(np.arange(100, 200), folds=3, share=0.2)
    >>> [tuple(span) for span in found.folds], tuple(found.holdout)
    ([(120, 140), (140, 160), (160, 180)], (180, 200))
    """
    before, after = holdout(len(ts), share)
    if len(ts[after]) < MIN_BARS or before.stop < MIN_BARS * (folds + 1):
        raise ConfigError(
            f"a hold-out of {share:g} and {plural(folds, 'fold')} in {plural(len(ts), 'bar')}: each part needs "
            f"{MIN_BARS} bars: "
            "use fewer folds, another --holdout, or more rows"
        )
    edges = [*ts.tolist(), int(ts[-1]) + 1]
    cuts = [Span(edges[tested.start], edges[tested.stop]) for _, tested in walk_forward_splits(before.stop, folds)]
    return Periods(tuple(cuts), Span(edges[after.start], edges[after.stop]))
