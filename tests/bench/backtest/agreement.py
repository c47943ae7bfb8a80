"""Whether both engines did the same; if not, their times say nothing."""

import numpy as np
import pandas as pd

from services.research.backtest import Totals
from tests.bench.backtest import ours, theirs
from tests.bench.backtest.market import Market

SAME_MONEY = 1e-6
SAME_QTY = 10 * theirs.UNIT


class Differs(RuntimeError):
    """The engines did not trade the same."""


class Agreed:
    """What both came to. directions: the decisions, which the other engine is given."""

    def __init__(self, market: Market) -> None:
        self.watch = ours.Watch()
        legs = ours.run(market, False, [self.watch], but_the_last=True)
        netted = ours.run(market, True, but_the_last=True)
        self.directions = [*theirs.directions_of(self.watch.predictions()), 0.0]
        close = float(pd.read_csv(market.file, usecols=["close"]).close.iloc[-1])
        others = theirs.run(market, False, self.directions)
        self.trades = self._same_trades(others)
        self.end_equity = {
            "legs": _same_equity("legs", legs, close, others),
            "legs, model in both": _same_equity("model in both", legs, close, theirs.run_with_the_model(market, False)),
            "netted": _same_equity("netted", netted, close, theirs.run(market, True, self.directions)),
        }

    def _same_trades(self, found: theirs.Theirs) -> int:
        own, trades = self.watch.trips, found.trades
        _require("number of trades", len(own), len(trades), len(own) == len(trades))
        columns = {
            "signed_qty": (trades.Size, SAME_QTY, 0.0),
            "entry_price": (trades.EntryPrice, 0.0, 1e-12),
            "exit_price": (trades.ExitPrice, 0.0, 1e-12),
            "net_pnl": (trades.PnL, SAME_MONEY, 0.0),
        }
        for name, (column, absolute, relative) in columns.items():
            values, others = np.array([float(getattr(trip, name)) for trip in own]), column.to_numpy()
            apart = np.abs(values - others) - absolute - relative * np.abs(others)
            at = int(apart.argmax())
            _require(f"{name} of trade {at}", values[at], others[at], bool(apart[at] <= 0))
        return len(own)


def _same_equity(name: str, our: Totals, close: float, their: theirs.Theirs) -> float:
    """Both at the last close, with the orders of the bar before filled."""
    held = our.open_trip
    assert held is not None
    equity = float(our.end_equity - our.unrealised) + float(held.signed_qty) * (close - float(held.price))
    _require(f"end equity, {name}", equity, their.end_equity, abs(equity - their.end_equity) <= SAME_MONEY)
    return equity


def _require(what: str, our: object, their: object, same: bool) -> None:
    if not same:
        raise Differs(f"{what}: {our} here, {their} in backtesting.py: the comparison is void")
