"""The fast engine trades arrays of prices and predictions as the line would, and hands back what it cannot promise.

What it trades it trades as the exact engine does (`services.research.backtest`): the same orders, and an equity that
differs by less than 1e-9 of it. The gate beside it looks whether that is so.
"""

import fcntl
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.research.fast.terms import WHY, OnlyExact, Terms
from services.research.metrics.sums import Trips
from shared.errors import ConfigError
from shared.extras import to_install
from shared.messages import Leg

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEGS = (Leg.OPEN, Leg.CLOSE, Leg.NET, Leg.LIQUIDATION, Leg.STOP)  # as the kernel counts them

COMPILING = "compiling the fast engine, once: some seconds"
_KINDS = (*WHY,)
_BARE, _GUARDED = 2, 3  # fills in a bar at most: two legs, and what the venue or a stop closes


class BarColumns(NamedTuple):
    """Bars are columns, one row for each; all four prices are the same where a bar has one alone.

    - ts: its end, ns since 1970 UTC.
    - funding: what a long of one unit pays in funding that falls due with it, quote units.
    """

    ts: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    funding: Floats

    @classmethod
    def of_closes(cls, ts: Ints, close: Floats) -> "BarColumns":
        """Returns bars that have one price alone.

        >>> BarColumns.of_closes(np.array([1, 2]), np.array([3.0, 4.0])).high.tolist()
        [3.0, 4.0]
        """
        return cls(ts, close, close, close, close, np.zeros(len(close)))

    def part(self, begin: int, end: int) -> "BarColumns":
        """Returns some of them."""
        return BarColumns._make(column[begin:end] for column in self)


class Fills(NamedTuple):
    """Fills are columns, one row for each, in their order.

    - bar: its place among those that were traded on. leg: its place in LEGS.
    - steps: the signed quantity in steps, 0 without a step. qty: in base units.
    - price: in quote units. market: the price before slippage.
    """

    bar: Ints
    leg: NDArray[np.int8]
    steps: Ints
    qty: Floats
    price: Floats
    market: Floats


class FastRun(NamedTuple):
    """This is what one run gave.

    - equity: after each bar. fills: how many. missed: orders that nothing was had of. expired: those that wait.
    - kept: the fills themselves, and funded: the funding paid up to each bar, both if wanted.
    """

    equity: Floats
    fills: int
    missed: int
    expired: int
    kept: Fills | None
    funded: Floats | None


_OF_ALL = Terms._fields.index("waits")  # the terms before it hold in every run


def trade(bars: BarColumns, y_hat: Floats, terms: Terms, *, keep: bool = False) -> FastRun:
    """Trades bars, flat at the start.

    - y_hat: at each bar; NaN where nothing was predicted.
    - keep: whether the fills are kept.

    Raises OnlyExact where a comparison was close, ConfigError where numba is missing.
    """
    count = len(y_hat)
    guarded = terms.waits or terms.stops or not math.isnan(terms.margin) or bool(bars.funding.any())
    equity, funded = np.empty(count), np.zeros(count if keep else 0)
    kept = _room_for((_GUARDED if guarded else _BARE) * count if keep else 0)
    close_call, fills, missed, expired = _kernels().trade(
        *_columns(bars, y_hat, terms, guarded), equity, funded, tuple(kept)
    )
    if close_call:
        raise OnlyExact(_KINDS[close_call - 1])
    if not keep:
        return FastRun(equity, fills, missed, expired, None, None)
    return FastRun(equity, fills, missed, expired, Fills._make(column[:fills] for column in kept), funded)


def _columns(bars: BarColumns, y_hat: Floats, terms: Terms, guarded: bool) -> tuple[Any, ...]:
    """Returns what the kernel takes: columns that are read, terms, and the rest of both where a bar may do more."""
    numbers = tuple(map(float, terms))
    ts, opens, highs, lows, closes, funding = bars
    rest = None
    if guarded:
        rest = (_read_only(ts), tuple(map(_read_only, (opens, highs, lows, funding))), numbers[_OF_ALL:])
    return _read_only(closes), _read_only(y_hat), numbers[:_OF_ALL], rest


def _room_for(fills: int) -> Fills:
    kinds: tuple[Any, ...] = (np.int64, np.int8, np.int64, np.float64, np.float64, np.float64)
    return Fills(*(np.empty(fills, kind) for kind in kinds))


class Booked(NamedTuple):
    """The fills of a run's first bars were booked, and this is where that stands.

    - fills, spent: how many, and what they cost. steps, qty: what is held.
    - first, first_ts, funded_first: the fill that opened it, when, and the funding that had been paid before.
    - entered, entry: what came into it, and the average price. left, leaving: what went out. fees: of both.
    """

    fills: int = 0
    steps: int = 0
    first: int = 0
    first_ts: int = 0
    qty: float = 0.0
    entered: float = 0.0
    entry: float = 0.0
    left: float = 0.0
    leaving: float = 0.0
    fees: float = 0.0
    funded_first: float = 0.0
    spent: float = 0.0


class BookedBars(NamedTuple):
    """These bars were booked.

    - state: behind them. held: base units at the end of each. paid: all costs up to it.
    - trips: that ended in them; their log_return is still its exponential.
    - sums: of fees, slippage and turnover.
    """

    state: Booked
    held: Floats
    paid: Floats
    trips: Trips
    sums: Floats


def book(fills: Fills, ts: Ints, opened: Ints, funded: Floats, terms: Terms, bars: slice, state: Booked) -> BookedBars:
    """Books the fills of some bars behind those that were booked.

    - fills, ts, funded: of the whole run. opened: when orders fill that wait for a bar's open, ns.
    - state: of the bars before.
    """
    return _book(_kernels().rows, fills, ts, opened, funded, terms, bars, state)


def _book(
    rows: Any, fills: Fills, ts: Ints, opened: Ints, funded: Floats, terms: Terms, bars: slice, state: Booked
) -> BookedBars:
    count, room = bars.stop - bars.start, int(np.searchsorted(fills.bar, bars.stop)) - state.fills
    held, paid = np.empty(count), np.empty(count)
    kinds: tuple[Any, ...] = (*[np.int64] * 3, *[np.float64] * 5)
    trips = tuple(np.empty(room, kind) for kind in kinds)  # each fill may turn the position
    own = terms.fee, terms.step, terms.waits
    given = tuple(fills), _read_only(ts), _read_only(opened), funded, tuple(map(float, own))
    behind, ended, sums = rows(*given, bars.start, tuple(state), held, paid, trips)
    return BookedBars(Booked._make(behind), held, paid, Trips._make(column[:ended] for column in trips), np.array(sums))


def compile_kernel(say: Callable[[str], None]) -> None:
    """Compiles the kernels where this machine has not done so yet, which takes some seconds; say: is told so before."""
    if not all(map(_is_compiled, _imported())):
        say(COMPILING)
    _kernels()


def _is_compiled(kernel: Any) -> bool:
    source, folder = Path(kernel.py_func.__code__.co_filename), Path(kernel.stats.cache_path)
    kept = folder.glob(f"{source.stem}.{kernel.__name__}-*.nbi")
    return any(path.stat().st_mtime >= source.stat().st_mtime for path in kept)


def _read_only(column: Any) -> Any:
    """Returns the column as the kernel is compiled for it: other processes' memory comes so, and ours may."""
    shown = np.ascontiguousarray(column).view()
    shown.flags.writeable = False
    return shown


class _Kernels(NamedTuple):
    trade: Any
    rows: Any


@cache
def _kernels() -> _Kernels:
    """Returns the kernels, compiled: by the process that comes first, while the others wait for it."""
    kernels = _imported()
    folder = Path(kernels.trade.stats.cache_path)
    nothing = BarColumns.of_closes(np.empty(0, np.int64), np.empty(0))
    terms = Terms(1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0, 1.0, 0.0, 0.0)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "kernel.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for guarded in (False, True):
            given = _columns(nothing, nothing.close, terms, guarded)
            kernels.trade(*given, np.empty(0), np.empty(0), tuple(_room_for(0)))
        ts, funded = nothing.ts, nothing.funding
        _book(kernels.rows, _room_for(0), ts, ts, funded, terms, slice(0, 0), Booked())
    return kernels


def _imported() -> _Kernels:
    try:
        from services.research.fast.kernel import trade
        from services.research.fast.row_kernel import rows
    except ImportError as error:
        raise ConfigError(f"the fast engine needs numba ({error}): {to_install('research')}") from error
    return _Kernels(trade, rows)
