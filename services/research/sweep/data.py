"""The data of a sweep are the bars of an interval, and which of their time is for what."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shared.bar import BarArrays
from shared.errors import ConfigError
from shared.history import HistoryBar
from shared.history.bar import EXTRAS
from shared.models.dataset import Seen, holdout, walk_forward_splits
from shared.plural import plural

_PRICES = ("open", "high", "low")  # which nobody knows of a bar with a price alone
_TEXTS = ("open", "high", "low", *EXTRAS)  # what a bar has beside its close


@dataclass(frozen=True, eq=False)
class BarSeries:
    """A series holds n bars of one interval, in a form that travels well.

    All are arrays, so that joblib maps large ones into its workers instead of copying them.

    - ts: int64 (n,), when each was known, ns since 1970 UTC, ascending.
    - text: bytes (n,), all digits of its close.
    - columns: what else a bar has, by its field, likewise; empty where it is not known. None where nothing needs it:
      then all four prices are the close.

    >>> prices = BarSeries.of("1h", [HistoryBar(ts, *[Decimal(p)] * 4, 2) for ts, p in ((1, "1.50"), (2, "2"))])
    >>> len(prices), list(prices.closes()), prices.until(2).text.tolist()
    (2, [Seen(ts_event=1, close=1.5, bar=None), Seen(ts_event=2, close=2.0, bar=None)], [b'1.50'])
    """

    interval: str
    ts: npt.NDArray[np.int64]
    text: npt.NDArray[np.bytes_]
    columns: Mapping[str, npt.NDArray[np.bytes_]] | None = None

    @classmethod
    def of(cls, interval: str, bars: Iterable[HistoryBar], whole: bool = False) -> "BarSeries":
        """Returns the closes of bars; of whole ones all that they have."""
        found = list(bars)
        ts = np.array([bar.ts_event for bar in found], np.int64)
        text = np.array([str(bar.close).encode() for bar in found], np.bytes_)
        if not whole:
            return cls(interval, ts, text)
        columns = {name: _texts([getattr(bar, name) for bar in found]) for name in _TEXTS}
        alone = np.array([b"1" if bar.price_alone else b"" for bar in found], np.bytes_)
        return cls(interval, ts, text, {**columns, "price_alone": alone})

    def __len__(self) -> int:
        return len(self.ts)

    def count_until(self, ts_event: int) -> int:
        """Returns how many were known before `ts_event`."""
        return int(np.searchsorted(self.ts, ts_event))

    def until(self, ts_event: int) -> "BarSeries":
        """Returns those known before `ts_event`."""
        count = self.count_until(ts_event)
        columns = None if self.columns is None else {name: found[:count] for name, found in self.columns.items()}
        return replace(self, ts=self.ts[:count], text=self.text[:count], columns=columns)

    def closes(self) -> Iterator[Seen]:
        """Yields the closes as floats, for training."""
        return (Seen(ts, float(text)) for ts, text in zip(self.ts.tolist(), self.text.tolist(), strict=True))

    def arrays(self, fields: Iterable[str], count: int) -> BarArrays:
        """Returns the first `count` bars as floats, with these fields of a Bar, for features."""
        columns, told = self.columns or {}, dict[str, npt.NDArray[np.float64]]()
        for name in fields:
            texts = columns.get(name, np.full(len(self), b""))[:count]
            found = told[name] = np.where(texts == b"", b"nan", texts).astype(np.float64)
            if name in _PRICES:
                found[columns["price_alone"][:count] != b""] = np.nan
        return BarArrays(self.ts[:count], self.text[:count].astype(np.float64), **told)

    def bars(self, first: int = 0) -> Iterator[HistoryBar]:
        """Yields the bars behind the first `first`, as Decimals, for trading; row: the place among the closes."""
        closes = zip(self.ts[first:].tolist(), self.text[first:].tolist(), strict=True)
        if self.columns is None:
            for row, (ts, text) in enumerate(closes, first):
                price = Decimal(text.decode())
                yield HistoryBar(ts, price, price, price, price, row, price_alone=True)
            return
        rest = zip(*(self.columns[name][first:].tolist() for name in (*_TEXTS, "price_alone")), strict=True)
        for row, ((ts, text), (*texts, alone)) in enumerate(zip(closes, rest, strict=True), first):
            values = {name: _value(name, found) for name, found in zip(_TEXTS, texts, strict=True)}
            yield HistoryBar(ts_event=ts, close=Decimal(text.decode()), row=row, price_alone=bool(alone), **values)


def _texts(values: list[Decimal | int | None]) -> npt.NDArray[np.bytes_]:
    return np.array([b"" if value is None else str(value).encode() for value in values], np.bytes_)


def _value(name: str, text: bytes) -> Any:
    if not text:
        return None
    return int(text) if name == "trades" else Decimal(text.decode())


MIN_BARS = 3  # two bars have one return of the market between them, of which there is no deviation


class Span(NamedTuple):
    """A span has the bars that end in [start_ns, end_ns)."""

    start_ns: int
    end_ns: int


class Periods(NamedTuple):
    """The periods say which time is for what.

    - folds: each is traded by a model that learned from all before it.
    - holdout: the rest, up to the last bar, which nothing sees before the end.
    """

    folds: tuple[Span, ...]
    holdout: Span


def periods(ts: npt.NDArray[np.int64], folds: int, share: float) -> Periods:
    """Cuts the time of a file.

    - ts: the ends of its bars.
    - share: of the hold-out.

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
