"""backtesting.py on the same file, with the same decisions."""

import warnings
from typing import Any, NamedTuple

import backtesting
import backtesting.lib
import numpy as np
import numpy.typing as npt
import pandas as pd

from shared.features.registry import make_feature
from shared.models.load_model import load_model
from shared.models.model import Predict
from tests.bench.backtest.market import CASH, FEE, MODEL, Market

UNIT = 1e-10  # it trades whole units only, so this is the unit


class Decide(backtesting.Strategy):  # type: ignore[misc]  # it ships no types
    """Goes with its equity in the direction of the prediction, anew at every bar, as BasicTaker does."""

    directions: list[float] = []  # noqa: RUF012  (how that engine declares a parameter)
    netting = False

    def init(self) -> None:
        """Its parameters are all it needs."""

    def next(self) -> None:
        self.order(self.directions[len(self.data) - 1])

    def order(self, direction: float) -> None:
        if not direction:
            return
        target = round(direction * self.equity / self.data.Close[-1])
        if self.netting:
            target -= self.position.size
        else:
            self.position.close()
        if target:
            self.buy(size=target) if target > 0 else self.sell(size=-target)


class Predicting(Decide):
    """The same, with our features and our model in `next`, one sample at a time."""

    market: Market | None = None
    prices: list[float] = []  # noqa: RUF012

    def init(self) -> None:
        assert self.market is not None
        loaded = load_model(self.market.folder / f"{MODEL}.json")
        self.feature, self.predict = make_feature(loaded.card.features[0]), Predict(loaded.module)
        self.y_hat(self.prices[0])  # its first `next` is that of the second bar

    def next(self) -> None:
        y_hat = self.y_hat(self.prices[len(self.data) - 1])
        self.order(0.0 if y_hat is None else float(np.sign(y_hat)))

    def y_hat(self, price: float) -> float | None:
        x = self.feature.on_tick(price)
        return None if x is None else self.predict.on_tick(x)


class Theirs(NamedTuple):
    """The equity at the last bar, and its trades in order of their entry."""

    end_equity: float
    trades: Any


def directions_of(y_hats: npt.NDArray[np.float64]) -> list[float]:
    """Buy 1, sell -1; 0 where there is no prediction."""
    signs: list[float] = np.nan_to_num(np.sign(y_hats)).tolist()
    return signs


def run(market: Market, netting: bool, directions: list[float]) -> Theirs:
    """From the file to its statistics."""
    return _run(_table(market), Decide, netting=netting, directions=directions)


def run_with_the_model(market: Market, netting: bool) -> Theirs:
    """The same, with the predictions made as it goes."""
    table = _table(market)
    return _run(table, Predicting, netting=netting, market=market, prices=table.Close.tolist())


def _table(market: Market) -> Any:
    table = pd.read_csv(market.file, index_col="datetime", parse_dates=True).rename(columns=str.capitalize)
    return table.assign(Volume=1.0)


def _run(table: Any, strategy: type[Decide], **parameters: object) -> Theirs:
    engine = backtesting.lib.FractionalBacktest(
        table, strategy, fractional_unit=UNIT, cash=CASH, commission=FEE, margin=0.01, trade_on_close=True,
        exclusive_orders=False, hedging=False, finalize_trades=False,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of trades that are still open, and of pandas
        result = engine.run(**parameters)
    return Theirs(float(result["Equity Final [$]"]), result._trades.sort_values("EntryTime"))
