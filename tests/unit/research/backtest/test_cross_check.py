"""The backtest against backtesting.py, an engine that we did not write, on the market data that it ships.

Both make the same decisions, each on its own: there y_hat comes from numpy over the whole column, the size from that
engine's own equity. It trades whole units only, so the unit there is 10⁻¹⁰ (its FractionalBacktest): sizes differ by
up to half of that, which is far below what is compared. Its margin is wide, so that it refuses no order.
"""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import backtesting
import backtesting.lib
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from backtesting.test import EURUSD, GOOG

from services.research.backtest import Backtest, Totals, VenueRules
from shared.account import RoundTrip
from shared.config import Settings, load_settings
from shared.intervals import interval_ns
from shared.models.card import Card
from shared.models.model_files import sha256_of, weights_bytes, write_model

UNIT = 1e-10
CASH = 10_000
FEE = 0.00005
WEIGHTS, BIAS = (-0.25, 0.5, 0.125), 2.0**-14  # exact in float32
SAME_MONEY = 1e-6

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
    def starts(self) -> npt.NDArray[np.int64]:
        """Of the bars, ns since 1970."""
        return self.prices.index.to_numpy("datetime64[ns]").astype("i8")

    @property
    def step_ns(self) -> int:
        return interval_ns(self.interval)


EURO, GOOGLE = Market("EURUSD", EURUSD, "1h", 0.0003), Market("GOOG", GOOG, "1d", 0.01)


class Ours(NamedTuple):
    """What our engine did. marks: (bar's end, equity after the orders that filled in the bar)."""

    trips: list[RoundTrip]
    marks: list[tuple[int, float]]
    totals: Totals

    def column(self, name: str) -> npt.NDArray[np.float64]:
        return np.array([float(getattr(trip, name)) for trip in self.trips])

    def times(self, name: str) -> npt.NDArray[np.int64]:
        return np.array([getattr(trip, name) for trip in self.trips])


class Watch:
    def __init__(self) -> None:
        self.trips: list[RoundTrip] = []
        self.marks: list[tuple[int, float]] = []

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float, paid: float) -> None:
        self.marks.append((ts_event, equity))

    def on_trip(self, trip: RoundTrip) -> None:
        self.trips.append(trip)


class Theirs(backtesting.Strategy):  # type: ignore[misc]  # it ships no types
    """BasicTaker, and Threshold, in that engine's words."""

    market: Market | None = None
    netting = False
    compounding = True
    leverage = 1.0
    threshold = 0.0
    stop = 0.0  # a share of the decision price

    def init(self) -> None:
        assert self.market is not None
        log_return = np.diff(np.log(self.market.prices.Close.to_numpy()), prepend=np.nan)
        lagged = [np.concatenate([np.full(lag, np.nan), log_return[: len(log_return) - lag]]) for lag in range(3)]
        self.y_hat = BIAS + sum(weight * lag for weight, lag in zip(WEIGHTS, lagged, strict=True))

    def next(self) -> None:
        y_hat = self.y_hat[len(self.data) - 1]
        if not abs(y_hat) > self.threshold or self.has_just_been_stopped():
            return
        money = self.equity if self.compounding else CASH
        target = round(np.sign(y_hat) * money * self.leverage / self.data.Close[-1])
        if self.netting:
            target -= self.position.size
        else:
            self.position.close()
        if target:
            side = np.sign(target)
            sl = self.data.Close[-1] * (1 - side * self.stop) if self.stop else None
            self.buy(size=target, sl=sl) if side > 0 else self.sell(size=-target, sl=sl)

    def has_just_been_stopped(self) -> bool:
        """Whether the position ended within this bar: what closes it otherwise opens another one at once."""
        closed = self.closed_trades
        return bool(self.stop and not self.position and closed and closed[-1].exit_bar == len(self.data) - 1)


def settings(folder: Path, market: Market, strategy: dict[str, Any]) -> Settings:
    """Of our engine: the table as a CSV file, and a model with WEIGHTS and BIAS."""
    file = folder / "prices.csv"
    table = market.prices[["Open", "High", "Low", "Close"]].rename(columns=str.lower)
    table.to_csv(file, index_label="datetime", date_format="%Y-%m-%dT%H:%M:%S")
    weights = weights_bytes({"linear.weight": torch.tensor([WEIGHTS]), "linear.bias": torch.tensor([BIAS])})
    card = Card(
        name="cross",
        model="LinearModel",
        features="log_return_lags(3)",
        no_features=3,
        symbols=(market.sym,),
        interval=market.interval,
        sha256=sha256_of(weights),
        origin="a test",
    )
    write_model(folder, card, weights)
    found: Settings = load_settings(
        interval=market.interval,
        symbols=(market.sym,),
        run_id="cross",
        signal={"model": "cross", "weights": folder},
        ingestor={"source": "replay", "files": {market.sym: file}},
        strategy={"balance": CASH, "max_slippage_bps": "none", **strategy},  # there no order has a limit
        gateway={"fee": str(FEE)},
    )
    return found


def ours(folder: Path, market: Market, fill: Fill, strategy: dict[str, Any]) -> Ours:
    """Without the last bar where orders fill at their decision: the other engine never fills those of its last bar."""
    end_ns = int(market.starts[-1]) + market.step_ns if fill == "decision" else None
    watch = Watch()
    totals = Backtest(settings(folder, market, strategy), VenueRules(fill=fill), end_ns=end_ns).run([watch])
    return Ours(watch.trips, watch.marks, totals)


def theirs(market: Market, fill: Fill, **parameters: object) -> pd.Series:
    backtest = backtesting.lib.FractionalBacktest(
        market.prices,
        Theirs,
        fractional_unit=UNIT,
        cash=CASH,
        commission=FEE,
        margin=0.01,
        trade_on_close=fill == "decision",
        exclusive_orders=False,
        hedging=False,
        finalize_trades=False,
    )
    return backtest.run(market=market, **parameters)


@pytest.mark.parametrize("market", [EURO, GOOGLE], ids=lambda market: market.sym)
@pytest.mark.parametrize("fill", ["decision", "next_open"])
@pytest.mark.parametrize("name", ["basic_taker", "threshold"])
def test_the_same_trades_and_the_same_equity(tmp_path: Path, market: Market, fill: Fill, name: str) -> None:
    params: dict[str, Any] = {"leverage": 2}
    if name == "threshold":
        params["threshold"] = market.threshold
    our = ours(tmp_path, market, fill, {"name": name, "params": params})
    their = theirs(market, fill, **params)

    trades = their._trades.sort_values("EntryTime")
    assert len(our.trips) == len(trades) > 200
    held = trades.ExitBar - trades.EntryBar
    assert (held == 1).all() if name == "basic_taker" else held.max() > 5
    # Here a bar is known at its end. An order that fills at its decision fills then; there at the bar's start.
    starts = market.starts + (market.step_ns if fill == "decision" else 0)
    np.testing.assert_array_equal(our.times("datetime"), starts[trades.EntryBar])
    np.testing.assert_array_equal(our.times("exit_datetime"), starts[trades.ExitBar])
    np.testing.assert_array_equal(our.column("dir_signal"), np.sign(trades.Size))
    np.testing.assert_allclose(our.column("signed_qty"), trades.Size, rtol=0, atol=10 * UNIT)
    np.testing.assert_allclose(our.column("entry_price"), trades.EntryPrice, rtol=1e-12)
    np.testing.assert_allclose(our.column("exit_price"), trades.ExitPrice, rtol=1e-12)
    np.testing.assert_allclose(our.column("net_pnl"), trades.PnL, rtol=0, atol=SAME_MONEY)
    np.testing.assert_allclose(our.column("fee"), trades.Commission, rtol=0, atol=SAME_MONEY)

    (still_open,) = their._strategy.trades
    found = our.totals.open_trip
    assert found is not None
    assert found.ts_event == starts[still_open.entry_bar]
    assert float(found.signed_qty) == pytest.approx(still_open.size * UNIT, abs=10 * UNIT, rel=0)
    require_same_equity(market, fill, our, their)


@pytest.mark.parametrize(("market", "stop_bps"), [(EURO, 8), (GOOGLE, 90)], ids=["EURUSD", "GOOG"])
@pytest.mark.parametrize("fill", ["decision", "next_open"])
@pytest.mark.parametrize("name", ["basic_taker", "threshold"])
def test_stops_fire_in_the_same_bars_at_the_same_prices(
    tmp_path: Path, market: Market, stop_bps: int, fill: Fill, name: str
) -> None:
    """A gap fills at the open, else at the trigger, also in the bar of the entry; that bar enters nothing again."""
    params: dict[str, Any] = {"leverage": 2}
    if name == "threshold":
        params["threshold"] = market.threshold
    our = ours(tmp_path, market, fill, {"name": name, "params": params, "protect": {"stop_bps": stop_bps}})
    their = theirs(market, fill, stop=stop_bps / 10_000, **params)

    trades = their._trades.sort_values(["EntryTime", "ExitTime"])
    assert len(our.trips) == len(trades) > 200
    assert len(our.trips) - 30 > our.totals.stops > 30
    starts = market.starts + (market.step_ns if fill == "decision" else 0)
    np.testing.assert_array_equal(our.times("datetime"), starts[trades.EntryBar])
    np.testing.assert_array_equal(our.column("dir_signal"), np.sign(trades.Size))
    np.testing.assert_allclose(our.column("entry_price"), trades.EntryPrice, rtol=1e-12)
    np.testing.assert_allclose(our.column("exit_price"), trades.ExitPrice, rtol=1e-12)
    np.testing.assert_allclose(our.column("net_pnl"), trades.PnL, rtol=0, atol=SAME_MONEY)
    if fill == "next_open":  # else its curve has the commissions of closes a bar later, and those of stops at once
        require_same_equity(market, fill, our, their)


@pytest.mark.parametrize("sizing", ["compounding", "constant"])
def test_netted_orders_have_the_same_equity(tmp_path: Path, sizing: str) -> None:
    """Its trades are cut differently, first in first out instead of at the average price."""
    market = GOOGLE
    our = ours(tmp_path, market, "next_open", {"params": {"netting": True, "sizing": sizing}})
    their = theirs(market, "next_open", netting=True, compounding=sizing == "compounding")
    assert our.totals.fills > 2_000
    require_same_equity(market, "next_open", our, their)


def require_same_equity(market: Market, fill: Fill, our: Ours, their: pd.Series) -> None:
    """At every bar; there before the orders that fill at this bar's close, so their commissions are added here."""
    ends, equity = map(np.array, zip(*our.marks, strict=True))
    np.testing.assert_array_equal(ends, (market.starts + market.step_ns)[: len(ends)])
    if fill == "decision":
        open_trip = our.totals.open_trip
        assert open_trip is not None
        qty = np.abs(our.column("signed_qty"))
        paid = FEE * np.concatenate([qty * our.column("entry_price"), qty * our.column("exit_price")])
        paid = np.append(paid, FEE * abs(float(open_trip.signed_qty * open_trip.price)))
        at = np.concatenate([our.times("datetime"), our.times("exit_datetime"), [open_trip.ts_event]])
        np.add.at(equity, np.searchsorted(ends, at), paid)
    curve = their._equity_curve.Equity
    assert len(equity) == len(curve) - (fill == "decision")
    np.testing.assert_allclose(equity, curve[: len(equity)], rtol=0, atol=SAME_MONEY)
