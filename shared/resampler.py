"""A resampler makes a model's longer bars out of the line's ticks, one by one."""

from typing import Any, TypeVar

from shared.bar import Bar
from shared.record import Snapshot, fields_of
from shared.tick import State, Tick

N = TypeVar("N", int, float)


class ResamplerSnapshot(Snapshot):
    """The saved form of a Resampler: the period at hand, as a Bar's fields, and whether it was seen from its start."""

    period: dict[str, Any] | None
    whole: bool
    entered: bool


_snapshot = fields_of(ResamplerSnapshot)


class Resampler(Tick[Bar, Bar]):
    """A Resampler takes bars that are `every_ns` long and gives one of `interval_ns` at each multiple since 1970 UTC.

    - A period has its bars' first open, highest high, lowest low, sums of volumes and trades, and last price, quote and
      funding rate. What one of its bars lacks, it lacks.
    - It takes the bars that end within it or with it; in one with holes, the bars that are there stand for it. A first
      period that the bars enter in its midst is not given. These are the rules of `shared.history.bar.resample`.
    - `late` gives a period whose last bar never came, once the next period begins: call it before `on_tick`.
    - Sums are of float64, so they may differ in the last digit from those of a longer bar of the exchange's own.
    - Raises ValueError where interval_ns is no multiple of every_ns, at least twice as long.

    >>> from decimal import Decimal
    >>> hours = Resampler(60, 120)
    >>> bars = [Bar("A", at, Decimal(price), price, open=1.0, volume=0.5) for at, price in ((60, 2.0), (120, 3.0))]
    >>> hours.on_tick(bars[0]), hours.on_tick(bars[1])
    (None, Bar(sym='A', ts_event=120, price=Decimal('3'), close=3.0, open=1.0, ... volume=1.0, ...))
    """

    def __init__(self, every_ns: int, interval_ns: int) -> None:
        if every_ns < 1 or interval_ns <= every_ns or interval_ns % every_ns:
            raise ValueError(f"bars of {every_ns} ns do not fill bars of {interval_ns} ns")
        self._every_ns = every_ns
        self._interval_ns = interval_ns
        self._period: Bar | None = None
        self._whole = False  # whether the period at hand was seen from its start on
        self._entered = False  # whether a bar from before the next period has come

    def late(self, val: Bar) -> Bar | None:
        """Returns the period that ended before `val`, and whose last bar never came."""
        period = self._period
        if period is None or val.ts_event <= (end := self._end(period.ts_event)):
            return None
        self._period, self._entered = None, True
        return period._replace(ts_event=end) if self._whole else None

    def on_tick(self, val: Bar) -> Bar | None:
        """Takes a bar; returns the period that it ends."""
        self.late(val)
        period, end = self._period, self._end(val.ts_event)
        if period is None:
            self._whole = self._entered or val.ts_event - self._every_ns <= end - self._interval_ns
            made = val
        else:
            made = _joined(period, val)
        if val.ts_event < end:
            self._period = made
            return None
        self._period, self._entered = None, True
        return made if self._whole else None

    def _end(self, ts_event: int) -> int:
        return -(-ts_event // self._interval_ns) * self._interval_ns

    def reset(self) -> None:
        """Forgets the period at hand; the next one counts only if it is seen from its start on."""
        self._period, self._whole, self._entered = None, False, False

    def state(self) -> State:
        """Returns the period at hand."""
        period = self._period
        return _snapshot(period=None if period is None else period._asdict(), whole=self._whole, entered=self._entered)

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = ResamplerSnapshot.of(state)
        try:
            self._period = None if saved.period is None else Bar(**saved.period)
        except TypeError as error:
            raise ValueError(f"a Resampler's period has a bar's fields: {error}") from error
        self._whole, self._entered = saved.whole, saved.entered


def _joined(one: Bar, other: Bar) -> Bar:
    """Returns both as one bar, which ends where the second does."""
    lacks_bar = one.open is None or other.open is None
    return other._replace(
        open=None if lacks_bar else one.open,
        high=_either(one.high, other.high, highest=True),
        low=_either(one.low, other.low, highest=False),
        volume=_sum(one.volume, other.volume),
        quote_volume=_sum(one.quote_volume, other.quote_volume),
        trades=_sum(one.trades, other.trades),
        taker_volume=_sum(one.taker_volume, other.taker_volume),
    )


def _either(one: float | None, other: float | None, *, highest: bool) -> float | None:
    if one is None or other is None:
        return None
    return max(one, other) if highest else min(one, other)


def _sum(one: N | None, other: N | None) -> N | None:
    return None if one is None or other is None else one + other
