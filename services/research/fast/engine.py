"""The fast engine trades arrays of prices and predictions as the line would, and hands back what it cannot promise.

What it trades it trades as the exact engine does (`services.research.backtest`): the same orders, and an equity that
differs by less than 1e-9 of it. The gate beside it looks whether that is so.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.research.backtest import VenueRules
from shared.config import Settings
from shared.errors import ConfigError
from shared.extras import to_install
from shared.strategies.basic_taker import LEAST_EQUITY, BasicTaker
from shared.strategies.registry import configured_strategy
from shared.strategies.threshold import Threshold

Floats = NDArray[np.float64]

COMPILING = "compiling the fast engine, once: some seconds"
# Why the exact engine has to trade something, by its kind; the first ones are the kernel's, of what was close.
WHY = {
    "equity": "equity too near to its limit for float64",
    "qty_step": "quantities too near to the next step for float64",
    "netting": "netting without a qty_step",
    "strategy": "another strategy than basic_taker or threshold, or wrappers",
    "stops": "stops",
    "rules": "next_open, liquidation or funding",
    "features": "features without a form for arrays",
    "model": "no model, or one of longer bars",
    "data": "data with nothing to trade",
    "asked": "the exact engine was asked for",
}
_KINDS = (*WHY,)


class OnlyExact(Exception):
    """The exact engine has to trade this; kind: of WHY.

    >>> print(OnlyExact("netting"))
    netting without a qty_step
    """

    def __init__(self, kind: str) -> None:
        super().__init__(WHY[kind])
        self.kind = kind


class Fills(NamedTuple):
    """Fills are columns, one row for each, in their order.

    - bar: its place among those that were traded on. closes: whether it is a close leg.
    - steps: the signed quantity in steps, 0 without a step. qty: in base units. price: in quote units.
    """

    bar: NDArray[np.int64]
    closes: NDArray[np.int8]
    steps: NDArray[np.int64]
    qty: Floats
    price: Floats


class FastRun(NamedTuple):
    """This is what one run gave. equity: after each bar. fills: how many. kept: the fills themselves, if wanted."""

    equity: Floats
    fills: int
    kept: Fills | None


class Terms(NamedTuple):
    """The terms of a run are what the kernel takes of settings, as floats; see `kernel.trade`."""

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
        step = own.step_of(settings.symbols[0])
        if taker.netting:
            raise OnlyExact("netting")
        if own.protect.terms is not None:
            raise OnlyExact("stops")
        if not rules.as_paper:
            raise OnlyExact("rules")
        slip = gateway.slippage_bps / 10_000
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
        )


def trade(close: Floats, y_hat: Floats, terms: Terms, *, keep: bool = False) -> FastRun:
    """Trades bars, flat at the start.

    - close, y_hat: of each bar; NaN where nothing was predicted.
    - keep: whether the fills are kept.

    Raises OnlyExact where a comparison was close, ConfigError where numba is missing.
    """
    count = len(close)
    equity, room = np.empty(count), 2 * count if keep else 0
    kept = Fills(
        np.empty(room, np.int64), np.empty(room, np.int8), np.empty(room, np.int64), np.empty(room), np.empty(room)
    )
    close_call, fills = _kernel().trade(close, y_hat, *terms, equity, *kept)
    if close_call:
        raise OnlyExact(_KINDS[close_call - 1])
    return FastRun(equity, fills, Fills(*(column[:fills] for column in kept)) if keep else None)


def compile_kernel(say: Callable[[str], None]) -> None:
    """Compiles the kernel where this machine has not done so yet, which takes some seconds; say: is told so before."""
    source = Path(_kernel().__file__)
    kept = Path(_kernel().trade.stats.cache_path).glob(f"{source.stem}.trade-*.nbi")
    if not any(path.stat().st_mtime >= source.stat().st_mtime for path in kept):
        say(COMPILING)
    none = np.empty(0)
    trade(none, none, Terms(1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0, 1.0, 0.0, 0.0))


def _kernel() -> Any:
    try:
        from services.research.fast import kernel
    except ImportError as error:
        raise ConfigError(f"the fast engine needs numba ({error}): {to_install('research')}") from error
    return kernel
