"""The backtest against backtesting.py, an engine that we did not write, on the market data that it ships.

Both make the same decisions, each on its own: there y_hat comes from numpy over the whole column, the size from that
engine's own equity. It trades whole units only, so the unit there is 10⁻⁸ (its FractionalBacktest): sizes differ by up
to half of that, which is far below what is compared. Its margin is wide, so that it refuses no order.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import backtesting
import backtesting.lib
import numpy as np
import pandas as pd
import pytest
import torch
from backtesting.test import EURUSD, GOOG

from services.research.backtest import Backtest, Rules, Totals
from services.research.train.files import sha256_of, weights_bytes, write_model
from shared.account import RoundTrip
from shared.config import Settings, load_settings
from shared.intervals import interval_ns
from shared.models.card import Card

UNIT = 1e-8
CASH = 10_000
FEE = 0.0002
WEIGHTS, BIAS = (-0.25, 0.5, 0.125), 2.0**-14  # exact in float32

Fill = Literal["decision", "next_open"]

pytestmark = [
    pytest.mark.filterwarnings("ignore:Some trades remain open at the end of backtest:UserWarning"),  # compared too
    pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofweek is deprecated"),  # its statistics, with this pandas
]


class Market(NamedTuple):
    """A table that backtesting.py ships, and the time between its bars."""

    sym: str
    prices: pd.DataFrame
    interval: str
    threshold: float

    @property
    def step(self) -> pd.Timedelta:
        return pd.Timedelta(interval_ns(self.interval))


MARKETS = (Market("EURUSD", EURUSD, "1h", 0.0003), Market("GOOG", GOOG, "1d", 0.01))


class Ours(NamedTuple):
    """What our engine did. equity: at each bar's close, after the orders that filled there."""

    trips: list[RoundTrip]
    equity: dict[pd.Timestamp, float]
    totals: Totals


class Watch:
    def __init__(self) -> None:
        self.trips: list[RoundTrip] = []
        self.equity: dict[pd.Timestamp, float] = {}

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float) -> None:
        self.equity[pd.Timestamp(ts_event)] = equity

    def on_trip(self, trip: RoundTrip) -> None:
        self.trips.append(trip)


class Theirs(backtesting.Strategy):  # type: ignore[misc]  # it ships no types
    """BasicTaker, and Threshold, in that engine's words."""

    market: Market | None = None
    netting = False
    compounding = True
    leverage = 1.0
    threshold = 0.0

    def init(self) -> None:
        log_return = np.diff(np.log(self.market.prices.Close.to_numpy()), prepend=np.nan)
        lagged = [np.concatenate([np.full(lag, np.nan), log_return[: len(log_return) - lag]]) for lag in range(3)]
        self.y_hat = BIAS + sum(weight * lag for weight, lag in zip(WEIGHTS, lagged, strict=True))

    def next(self) -> None:
        y_hat = self.y_hat[len(self.data) - 1]
        if not abs(y_hat) > self.threshold:
            return
        money = self.equity if self.compounding else CASH
        target = round(np.sign(y_hat) * money * self.leverage / self.data.Close[-1])
        if self.netting:
            target -= self.position.size
        else:
            self.position.close()
        if target:
            self.buy(size=target) if target > 0 else self.sell(size=-target)


def settings(folder: Path, market: Market, strategy: dict[str, Any]) -> Settings:
    """Of our engine: the table as a CSV file, and a model with WEIGHTS and BIAS."""
    file = folder / "prices.csv"
    table = market.prices[["Open", "High", "Low", "Close"]].rename(columns=str.lower)
    table.to_csv(file, index_label="datetime", date_format="%Y-%m-%dT%H:%M:%S")
    weights = weights_bytes({"linear.weight": torch.tensor([WEIGHTS]), "linear.bias": torch.tensor([BIAS])})
    card = Card(
        name="cross", model="LinearModel", features="log_return_lags(3)", no_features=3, symbols=(market.sym,),
        interval=market.interval, sha256=sha256_of(weights), origin="a test",
    )  # fmt: skip
    write_model(folder, card, weights)
    found: Settings = load_settings(
        interval=market.interval, symbols=(market.sym,), run_id="cross", signal={"model": "cross", "weights": folder},
        ingestor={"source": "replay", "files": {market.sym: file}}, strategy={"balance": CASH, **strategy},
        gateway={"fee": str(FEE)},
    )  # fmt: skip
    return found


def ours(folder: Path, market: Market, fill: Fill, strategy: dict[str, Any]) -> Ours:
    """Up to the last bar but one where orders fill at their decision: the other engine never fills those of the last."""
    end = market.prices.index[-1] + market.step if fill == "decision" else None
    backtest = Backtest(settings(folder, market, strategy), Rules(fill=fill), end_ns=end and end.value)
    watch = Watch()
    totals = backtest.run([watch])
    return Ours(watch.trips, watch.equity, totals)


def theirs(market: Market, fill: Fill, **parameters: object) -> pd.Series:
    backtest = backtesting.lib.FractionalBacktest(
        market.prices, Theirs, fractional_unit=UNIT, cash=CASH, commission=FEE, margin=0.01,
        trade_on_close=fill == "decision", exclusive_orders=False, hedging=False, finalize_trades=False,
    )  # fmt: skip
    return backtest.run(market=market, **parameters)


def before_orders(market: Market, fill: Fill, ours: Ours) -> Iterator[tuple[pd.Timestamp, float]]:
    """Our equity as that engine logs it, by the bar's start: before the orders of this bar are filled."""
    paid: dict[pd.Timestamp, float] = {}
    if fill == "decision":
        open_trip = ours.totals.open_trip
        assert open_trip is not None
        fills = [(trip.datetime, trip.signed_qty, trip.entry_price) for trip in ours.trips]
        fills += [(trip.exit_datetime, trip.signed_qty, trip.exit_price) for trip in ours.trips]
        fills += [(open_trip.ts_event, open_trip.signed_qty, open_trip.price)]
        for ts_event, qty, price in fills:
            at = pd.Timestamp(ts_event)
            paid[at] = paid.get(at, 0.0) + FEE * float(abs(qty) * price)
    for at, equity in ours.equity.items():
        yield at - market.step, equity + paid.get(at, 0.0)


@pytest.mark.parametrize("market", MARKETS, ids=lambda market: market.sym)
@pytest.mark.parametrize("fill", ["decision", "next_open"])
@pytest.mark.parametrize("name", ["basic_taker", "threshold"])
def test_the_same_trades_and_the_same_equity(tmp_path: Path, market: Market, fill: Fill, name: str) -> None:
    params: dict[str, Any] = {"leverage": 2}
    if name == "threshold":
        params["threshold"] = market.threshold
    our = ours(tmp_path, market, fill, {"name": name, "params": params})
    their = theirs(market, fill, **params)

    # Here a bar is known at its end. An order that fills at its decision fills then, in that engine at the bar's start.
    shift = market.step if fill == "decision" else timedelta(0)
    trades = their._trades.sort_values("EntryTime")
    assert len(our.trips) == len(trades) > 200
    held = trades.ExitBar - trades.EntryBar
    assert (held == 1).all() if name == "basic_taker" else held.max() > 5
    for trip, trade in zip(our.trips, trades.itertuples(), strict=True):
        assert pd.Timestamp(trip.datetime) == trade.EntryTime + shift
        assert pd.Timestamp(trip.exit_datetime) == trade.ExitTime + shift
        assert float(trip.signed_qty) == pytest.approx(trade.Size, abs=UNIT, rel=0)
        assert float(trip.entry_price) == pytest.approx(trade.EntryPrice, rel=1e-12)
        assert float(trip.exit_price) == pytest.approx(trade.ExitPrice, rel=1e-12)
        assert float(trip.net_pnl) == pytest.approx(trade.PnL, abs=1e-6, rel=0)
        assert float(trip.fee) == pytest.approx(trade.Commission, abs=1e-6, rel=0)

    (still_open,) = their._strategy.trades
    found = our.totals.open_trip
    assert found is not None
    assert pd.Timestamp(found.ts_event) == still_open.entry_time + shift
    assert float(found.signed_qty) == pytest.approx(still_open.size * UNIT, abs=UNIT, rel=0)
    require_same_equity(market, fill, our, their)


@pytest.mark.parametrize("market", MARKETS, ids=lambda market: market.sym)
@pytest.mark.parametrize("sizing", ["compounding", "constant"])
def test_netted_orders_have_the_same_equity(tmp_path: Path, market: Market, sizing: str) -> None:
    """Its trades are cut differently, first in first out instead of at the average price."""
    params = {"netting": True, "sizing": sizing}
    our = ours(tmp_path, market, "next_open", {"params": params})
    their = theirs(market, "next_open", netting=True, compounding=sizing == "compounding")
    assert len(our.trips) > 500
    require_same_equity(market, "next_open", our, their)


def require_same_equity(market: Market, fill: Fill, our: Ours, their: pd.Series) -> None:
    equity = their._equity_curve.Equity
    compared = 0
    for at, mine in before_orders(market, fill, our):
        assert mine == pytest.approx(equity[at], abs=1e-6, rel=0), at
        compared += 1
    assert compared == len(equity) - (fill == "decision")
