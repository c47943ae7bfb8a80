"""The terms of a run are numbers for the kernel; what float64 cannot promise, the exact engine has to trade."""

import math
from decimal import Decimal
from typing import NamedTuple

from services.research.backtest import VenueRules
from shared.config import Settings
from shared.config.strategy import BPS
from shared.strategies.basic_taker import LEAST_EQUITY, BasicTaker
from shared.strategies.registry import configured_strategy
from shared.strategies.threshold import Threshold

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


class OnlyExact(Exception):
    """The exact engine has to trade this; kind: of WHY.

    >>> print(OnlyExact("netting"))
    netting without a qty_step
    """

    def __init__(self, kind: str) -> None:
        super().__init__(WHY[kind])
        self.kind = kind


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
        services.research.fast.terms.OnlyExact: netting without a qty_step
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


def _or_nan(value: Decimal | None) -> float:
    return math.nan if value is None else float(value)


def _share(bps: Decimal | None) -> float:
    return _or_nan(None if bps is None else bps / BPS)
