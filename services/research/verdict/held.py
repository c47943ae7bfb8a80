"""The net return of each held bar at unit notional, of a series of marks: the number that a verdict is about."""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.research.statistics import Floats
from shared.history.times import MAX_NS, text_time
from shared.models.card import Card

Ints = NDArray[np.int64]
_Number = TypeVar("_Number", np.float64, np.int64)

_NOTHING_FITTED = (
    "No model was fitted, so every bar counts as out of sample; where the rule or its parameters were chosen on these "
    "bars, none is."
)
_ROUNDING = 1e-9  # of the equity; what is less is no return

LIMIT = 16_384  # values that are kept one by one; of more, neighbours become one


class Sample(NamedTuple):
    """A sample says which bars a model has not seen: those decided at or after `fitted_until`, ns since 1970 UTC.

    - why: what to say of bars that do not count.
    - note: what to say where they count.
    """

    fitted_until: int
    why: str = ""
    note: str = ""

    @classmethod
    def of(cls, card: Card | None) -> "Sample":
        """Returns the sample of a model by its card; None for no model.

        Bars before the training window count as seen: who trained knew them.

        >>> Sample.of(None).fitted_until
        0
        """
        if card is None:
            return cls(0, note=_NOTHING_FITTED)
        if card.training is None or card.training.train is None:
            why = f"the card of {card.name} does not say on which bars the model was fitted, so none is out of sample"
            return cls(MAX_NS, why)
        return cls(text_time(card.training.train.end).ns, "all of these bars were known to whoever fitted the model")


EVERY_BAR = Sample(0)  # where the caller has made sure of it, as a sweep has of its hold-out


class HeldSeries:
    """Keeps a series whose mean is asked for; memory does not grow with it.

    When there would be more than `limit` values, two neighbours become their mean, so that each value stands for
    `length` of them: the mean is the same, and what depends within them is in them.

    >>> series = HeldSeries(limit=4)
    >>> series.add(np.arange(10.0))
    >>> series.values().tolist(), series.length, series.n, series.mean
    ([1.5, 5.5], 4, 10, 4.5)
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.n = 0
        self.length = 1
        self._limit = limit
        self._total = 0.0
        self._kept = np.empty(0)
        self._rest = np.empty(0)  # fewer than `length` values

    def add(self, values: Floats) -> None:
        """Takes the next values."""
        self.n += len(values)
        self._total += float(values.sum())
        self._take(values)
        while len(self._kept) > self._limit:
            even = len(self._kept) // 2 * 2
            left = np.repeat(self._kept[even:], self.length)  # its own values are not known any more
            self._kept, rest = self._kept[:even].reshape(-1, 2).mean(axis=1), self._rest
            self.length *= 2
            self._rest = np.empty(0)
            self._take(np.concatenate([left, rest]))

    def _take(self, values: Floats) -> None:
        values = np.concatenate([self._rest, values])
        whole = len(values) // self.length * self.length
        self._kept = np.concatenate([self._kept, values[:whole].reshape(-1, self.length).mean(axis=1)])
        self._rest = values[whole:].copy()

    @property
    def mean(self) -> float | None:
        """Returns the mean of all values; None without one."""
        return self._total / self.n if self.n else None

    def values(self) -> Floats:
        """Returns what is kept, each the mean of `length` values."""
        return self._kept


class _Mark(NamedTuple):
    """The last mark that was taken. into: what its orders paid to get into the position that it ended with.

    value, units: of that position, of either sign above 0.
    """

    ts: int
    equity: float
    value: float
    units: float
    paid: float
    into: float


class HeldBars:
    """These are the sums over the held bars of one sample.

    - net: their net returns.
    - gross, costs: sums of what they earned before costs and of these, likewise at unit notional.
    """

    def __init__(self) -> None:
        self.net = HeldSeries()
        self.gross = self.costs = 0.0
        self.first_ts: int | None = None
        self.last_ts = 0

    def add(self, decided: Ints, ts: Ints, held: NDArray[np.bool_], net: Floats, gross: Floats) -> None:
        """Takes the next bars of this sample. net, gross: returns of those that were held."""
        if not len(ts):
            return
        if self.first_ts is None:
            self.first_ts = int(decided[0])
        self.last_ts = int(ts[-1])
        if not held.all():
            net, gross = net[held], gross[held]
        self.net.add(net)
        self.gross += float(gross.sum())
        self.costs += float((gross - net).sum())

    @property
    def span_ns(self) -> int:
        """Returns the time that its bars cover, held or flat."""
        return 0 if self.first_ts is None else self.last_ts - self.first_ts


class HeldReturns:
    """Watches marks and gives the net return of each held bar at unit notional, in sample and out of sample apart.

    A held bar's return is what its position earned until the bar's close, less what it cost to get in, where this is
    its first bar, less what it cost to get out, where it is the last one, by the position's value at the bar's start.
    So leverage and sizing drop out, every cost stands at a bar, and flat bars are none. Where a position was turned
    over, the one that went and the one that came share the cost by their sizes.

    - start_equity: quote units.
    - sample: which bars are out of sample.
    - at_open: orders fill at the next bar's open, and not where they were decided; then a bar's return has all that
      happened in it.

    >>> held = HeldReturns(100.0, Sample(0))
    >>> held.add(np.array([1, 2]), np.array([10.0, 11.0]), np.array([99.0, 107.0]), np.array([1.0, 0.0]),
    ...          np.array([1.0, 2.9]))
    >>> held.outside.net.values().round(4).tolist(), round(held.outside.gross, 4), held.outside.span_ns
    ([0.0707], 0.1, 1)
    """

    def __init__(self, start_equity: float, sample: Sample, at_open: bool = False) -> None:
        self.sample = sample
        self.inside, self.outside = HeldBars(), HeldBars()
        self._start_equity = start_equity
        self._at_open = at_open
        self._last: _Mark | None = None

    def add(self, ts: Ints, price: Floats, equity: Floats, exposure: Floats, paid: Floats) -> None:
        """Takes the next marks: what an Observer gets of each bar. paid: all costs so far, quote units."""
        if not len(ts):
            return
        last = self._last or _Mark(int(ts[0]), self._start_equity, 0.0, 0.0, 0.0, 0.0)
        finite = np.isfinite(exposure)
        if not finite.all():
            exposure = np.where(finite, exposure, 0.0)
        value = np.abs(exposure * equity)
        units = value / price
        cost, gross = _changes(last.paid, paid), _changes(last.equity, equity)
        net, started = gross.copy(), _shifted(last.value, value)
        gross += cost
        into = np.zeros(len(ts))
        if self._at_open:
            np.maximum(started, value, out=started)
        else:
            traded = _shifted(last.units, units)
            traded += units
            cost *= units
            np.divide(cost, traded, out=into, where=traded > 0)
        net += into
        net[0] -= last.into
        net[1:] -= into[:-1]
        held = started > 0
        if not (always := held.all()):
            # A position that came and went within a bar has no value at either end: what it left is of the equity.
            before = np.abs(_shifted(last.equity, equity))
            np.copyto(started, before, where=~held & (np.abs(net) > _ROUNDING * before))
            held = started > 0
        for each in (net, gross):
            np.divide(each, started, out=each, where=always or held)
        decided = _shifted(last.ts, ts)
        fresh = int(np.searchsorted(decided, self.sample.fitted_until))
        for part, rows in ((self.inside, slice(fresh)), (self.outside, slice(fresh, None))):
            part.add(decided[rows], ts[rows], held[rows], net[rows], gross[rows])
        self._last = _Mark(
            int(ts[-1]), float(equity[-1]), float(value[-1]), float(units[-1]), float(paid[-1]), float(into[-1])
        )


def _shifted(first: float, values: NDArray[_Number]) -> NDArray[_Number]:
    """Returns each value's predecessor. first: that of the first one."""
    found = np.empty_like(values)
    found[0], found[1:] = first, values[:-1]
    return found


def _changes(first: float, values: Floats) -> Floats:
    """Returns what each value has more than its predecessor. first: that of the first one."""
    found = np.empty_like(values)
    found[0] = values[0] - first
    np.subtract(values[1:], values[:-1], out=found[1:])
    return found


def held_by_signs(ts: Ints, ts_next: Ints, y_hat: Floats, y: Floats, fee: float) -> dict[str, HeldBars]:
    """Returns the held bars of predictions that were traded in their direction, by the two ways to order.

    "legs" closes and opens at every bar, "netted" pays for changes only. ts, ts_next: when a prediction was made, and
    when its outcome y, a log return, was known. fee: rate of each fill.

    >>> ts, y = np.array([1, 2, 3]), np.log([1.1, 1.1, 0.9])
    >>> parts = held_by_signs(ts, ts + 1, np.array([0.5, 0.5, -0.5]), y, 0.01)
    >>> {name: part.net.values().round(3).tolist() for name, part in parts.items()}
    {'legs': [0.079, 0.079, 0.081], 'netted': [0.09, 0.089, 0.081]}
    """
    side = np.sign(np.nan_to_num(y_hat))
    grown = np.exp(y)
    gross = side * (grown - 1)
    comes, goes = np.diff(side, prepend=0.0) != 0, np.diff(side, append=0.0) != 0
    costs = {"legs": fee * (1 + grown), "netted": fee * (comes + goes * grown)}
    parts = {name: HeldBars() for name in costs}
    for name, part in parts.items():
        part.add(ts, ts_next, side != 0, gross - costs[name], gross)
    return parts
