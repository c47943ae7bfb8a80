"""The fast engine trades arrays of prices and predictions as the line would, and hands back what it cannot promise.

What it trades it trades as the exact engine does (`services.research.backtest`): the same orders, and an equity that
differs by less than 1e-9 of it. The gate beside it looks whether that is so.
"""

import fcntl
import math
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.research.backtest import VenueRules
from shared.config import Settings
from shared.config.strategy import BPS
from shared.errors import ConfigError
from shared.extras import to_install
from shared.messages import Leg
from shared.strategies.basic_taker import LEAST_EQUITY, BasicTaker
from shared.strategies.registry import configured_strategy
from shared.strategies.threshold import Threshold

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEGS = (Leg.OPEN, Leg.CLOSE, Leg.NET, Leg.LIQUIDATION, Leg.STOP)  # as the kernel counts them

COMPILING = "compiling the fast engine, once: some seconds"
# Why the exact engine has to trade something, by its kind; the first ones are the kernel's, of what was close.
WHY = {
    "equity": "equity too near to its limit for float64",
    "qty_step": "quantities too near to the next step for float64",
    "stop": "prices too near to a stop for float64",
    "liquidation": "prices too near to a liquidation for float64",
    "limit": "prices too near to max_slippage_bps for float64",
    "netting": "netting without a qty_step",
    "strategy": "another strategy than basic_taker or threshold, or wrappers",
    "ioc": 'next_open with reduce = "ioc"',
    "features": "features without a form for arrays",
    "model": "no model, or one of longer bars",
    "data": "data with nothing to trade",
    "asked": "the exact engine was asked for",
}
_KINDS = (*WHY,)
_BARE, _GUARDED = 2, 3  # fills in a bar at most: two legs, and what the venue or a stop closes


class OnlyExact(Exception):
    """The exact engine has to trade this; kind: of WHY.

    >>> print(OnlyExact("netting"))
    netting without a qty_step
    """

    def __init__(self, kind: str) -> None:
        super().__init__(WHY[kind])
        self.kind = kind


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


class Terms(NamedTuple):
    """The terms of a run are what the kernel takes of settings and rules, as floats; NaN for what is not there.

    - capital: quote units. least: an equity that is not above it trades no more.
    - fee: a share of a fill's value. buy, sell: what a fill's price is of the market's.
    - sizing: 0 compounding, 1 constant, 2 fraction. threshold: only |y_hat| above it is traded.
    - step: of quantities; 0 for none. splits: an order that turns a position goes as two.
    - waits: orders fill at the next open. buy_limit, sell_limit: of the decision price, for what adds.
    - margin: the maintenance margin. stop, profit, trail: distances, as shares. stops: whether there is one.
    - after: minutes in which nothing adds after a stop; -1: flip.
    """

    capital: float
    least: float
    fee: float
    buy: float
    sell: float
    leverage: float
    sizing: int
    fraction: float
    threshold: float
    step: float
    netting: bool = False
    splits: bool = False
    waits: bool = False
    buy_limit: float = math.nan
    sell_limit: float = math.nan
    margin: float = math.nan
    stops: bool = False
    stop: float = math.nan
    profit: float = math.nan
    trail: float = math.nan
    after: int = 0

    @classmethod
    def of(cls, settings: Settings, rules: VenueRules = VenueRules()) -> "Terms":  # noqa: B008  (frozen)
        """Returns those of settings; raises OnlyExact for what float64 does not decide as Decimal does.

        >>> from shared.config import load_settings
        >>> Terms.of(load_settings(strategy={"balance": 100})).capital
        100.0
        >>> Terms.of(load_settings(strategy={"params": {"netting": True}}))
        Traceback (most recent call last):
        services.research.fast.engine.OnlyExact: netting without a qty_step
        """
        own, gateway = settings.strategy, settings.gateway
        taker = configured_strategy(own)
        if type(taker) not in (BasicTaker, Threshold):
            raise OnlyExact("strategy")
        assert isinstance(taker, BasicTaker)
        step, waits, bps = own.step_of(settings.symbols[0]), rules.fill == "next_open", own.limit_bps
        if taker.netting and step is None:
            raise OnlyExact("netting")
        if waits and own.reduce == "ioc":
            raise OnlyExact("ioc")
        slip, stops = gateway.slippage_bps / BPS, own.protect.terms
        after = own.protect.after_stop
        return cls(
            capital=float(own.balance),
            least=float(own.balance * LEAST_EQUITY),
            fee=float(gateway.fee),
            buy=float(1 + slip),
            sell=float(1 - slip),
            leverage=float(taker.leverage),
            sizing=("compounding", "constant", "fraction").index(taker.sizing),
            fraction=float(taker.fraction),
            threshold=taker.threshold if isinstance(taker, Threshold) else 0.0,
            step=float(step or Decimal(0)),
            netting=taker.netting,
            splits=bps is not None,
            waits=waits,
            buy_limit=math.nan if bps is None else float(1 + bps / BPS),
            sell_limit=math.nan if bps is None else float(1 - bps / BPS),
            margin=_or_nan(rules.maintenance_margin),
            stops=stops is not None,
            stop=_share(stops and stops.stop_bps),
            profit=_share(stops and stops.take_profit_bps),
            trail=_share(stops and stops.trail_bps),
            after=-1 if after == "flip" else after if isinstance(after, int) else 0,
        )


_OF_ALL = Terms._fields.index("waits")  # the terms before it hold in every run


def _or_nan(value: Decimal | None) -> float:
    return math.nan if value is None else float(value)


def _share(bps: Decimal | None) -> float:
    return _or_nan(None if bps is None else bps / BPS)


def trade(bars: BarColumns, y_hat: Floats, terms: Terms, *, keep: bool = False) -> FastRun:
    """Trades bars, flat at the start.

    - y_hat: at each bar; NaN where nothing was predicted.
    - keep: whether the fills are kept.

    Raises OnlyExact where a comparison was close, ConfigError where numba is missing.
    """
    count, kernel = len(y_hat), _kernel()
    guarded = terms.waits or terms.stops or not math.isnan(terms.margin) or bool(bars.funding.any())
    equity, funded = np.empty(count), np.zeros(count if keep else 0)
    kept = _room_for((_GUARDED if guarded else _BARE) * count if keep else 0)
    close_call, fills, missed, expired = kernel.trade(
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


def compile_kernel(say: Callable[[str], None]) -> None:
    """Compiles the kernel where this machine has not done so yet, which takes some seconds; say: is told so before."""
    source, folder = _source()
    kept = folder.glob(f"{source.stem}.trade-*.nbi")
    if not any(path.stat().st_mtime >= source.stat().st_mtime for path in kept):
        say(COMPILING)
    _kernel()


def _read_only(column: Any) -> Any:
    """Returns the column as the kernel is compiled for it: other processes' memory comes so, and ours may."""
    shown = np.ascontiguousarray(column).view()
    shown.flags.writeable = False
    return shown


def _source() -> tuple[Path, Path]:
    """Returns the kernel's file, and the folder in which what is compiled is kept."""
    module = _imported()
    return Path(module.__file__), Path(module.trade.stats.cache_path)


@cache
def _kernel() -> Any:
    """Returns the kernel, compiled: by the process that comes first, while the others wait for it."""
    module, (_, folder) = _imported(), _source()
    nothing = BarColumns.of_closes(np.empty(0, np.int64), np.empty(0))
    terms = Terms(1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0, 1.0, 0.0, 0.0)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "kernel.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for guarded in (False, True):
            given = _columns(nothing, nothing.close, terms, guarded)
            module.trade(*given, np.empty(0), np.empty(0), tuple(_room_for(0)))
    return module


def _imported() -> Any:
    try:
        from services.research.fast import kernel
    except ImportError as error:
        raise ConfigError(f"the fast engine needs numba ({error}): {to_install('research')}") from error
    return kernel
