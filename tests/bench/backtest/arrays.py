"""Both engines, and vectorbt where it is installed, over the same arrays: `--part arrays` of the backtest's bench.

All trade at every bar, with fees and slippage: with legs an order pair a bar, compounding. Their equities must be the
same; else their times say nothing.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from services.research.backtest import Backtest
from services.research.fast import BarColumns, ExactRun, Terms, predict_all, require_same, trade
from services.research.fast.backtest import Prices, asked_of
from shared.config import Settings
from tests.bench.backtest.agreement import Differs
from tests.bench.backtest.market import CASH, FEE, Market, make_market

SAME = 1e-6  # of the equity, of another program's
LEVERAGE = "0.9"  # vectorbt lends nothing, not even a fee


def measured(folder: Path, bars: int, exact_bars: int, repeat: int) -> dict[str, Any]:
    """BarColumns a second of each, the best of `repeat`; the exact engine of its own, shorter market."""
    found, y_hat, terms, predicting = _market(make_market(folder, bars))
    done = trade(found, y_hat, terms)
    took = {"fast engine": bars / _best(lambda: trade(found, y_hat, terms), repeat)}
    small = make_market(folder, exact_bars)
    took["exact engine"] = exact_bars / _best(lambda: Backtest(_settings(small)).run(), 1)
    _require_same_orders(small)
    theirs = _vectorbt(found, y_hat)
    if theirs is not None:
        equity = theirs()
        if not np.allclose(equity, done.equity, rtol=SAME, atol=0.0):
            raise Differs("equity here and in vectorbt: the comparison is void")
        took["vectorbt, from_order_func with flexible orders"] = bars / _best(theirs, repeat)
    return {
        "bars": bars,
        "exact_bars": exact_bars,
        "fills": done.fills,
        "bars_per_s": {name: round(rate) for name, rate in took.items()},
        "predictions_per_s": round(bars / predicting),
    }


def show(result: dict[str, Any]) -> None:
    """Prints the table."""
    print(f"\n{result['bars']:,} bars, {result['fills']:,} fills; the exact engine {result['exact_bars']:,} bars")
    for name, rate in result["bars_per_s"].items():
        print(f"  {name:50} {rate:14,} bars/s")
    print(f"  {'predictions, once for all that trade on them':50} {result['predictions_per_s']:14,} bars/s")


def _settings(market: Market) -> Settings:
    found = market.settings(False)
    own = found.strategy
    return found.model_copy(update={"strategy": own.model_copy(update={"params": {"leverage": LEVERAGE}})})


def _market(market: Market) -> tuple[BarColumns, Any, Terms, float]:
    settings = _settings(market)
    prices = Prices.of(settings, 1 << 62, 1, None).bars
    began = time.perf_counter()
    y_hat = predict_all(asked_of(settings)._replace(identity=""), prices.close)
    assert y_hat is not None
    return prices, y_hat, Terms.of(settings), time.perf_counter() - began


def _require_same_orders(market: Market) -> None:
    found, y_hat, terms, _ = _market(market)
    exact = ExactRun()
    Backtest(_settings(market)).run([exact], tap=exact.tap)
    require_same(trade(found, y_hat, terms, keep=True), y_hat, exact, found.ts.tolist(), terms.step, "the bench")


def _vectorbt(found: BarColumns, y_hat: Any) -> Callable[[], Any] | None:
    """Returns what runs the same orders in vectorbt's compiled simulation and gives the equity; None without it."""
    try:
        import numba
        import pandas as pd
        from vectorbt.portfolio import nb
        from vectorbt.portfolio.base import Portfolio
    except ImportError:
        return None
    order, nothing, fee, leverage = nb.order_nb, nb.order_nothing_nb, FEE, float(LEVERAGE)

    @numba.njit
    def orders(c: Any, y: Any, kept: Any) -> Any:
        """The close leg first; then the equity before it, times leverage, in the direction of y_hat."""
        price, held, wanted = c.close[c.i, 0], c.last_position[0], y[c.i]
        if not np.isfinite(wanted) or wanted == 0 or c.call_idx > 1:
            return -1, nothing()
        if c.call_idx == 0:
            kept[0] = c.last_cash[0] + held * price
            if held != 0:
                return 0, order(size=-held, price=price, fees=fee)
        elif kept[1] == c.i:
            return -1, nothing()
        kept[1] = c.i
        return 0, order(size=(1.0 if wanted > 0 else -1.0) * kept[0] * leverage / price, price=price, fees=fee)

    close = pd.Series(found.close)

    def run() -> Any:
        made = Portfolio.from_order_func(
            close, orders, y_hat, np.full(2, -1.0), flexible=True, init_cash=CASH, max_orders=2 * len(close)
        )
        return made.value().to_numpy()

    return run


def _best(job: Callable[[], object], repeat: int) -> float:
    """Seconds; the first run compiles and does not count where there are several."""
    took = []
    for _ in range(repeat + 1 if repeat > 1 else 1):
        began = time.perf_counter()
        job()
        took.append(time.perf_counter() - began)
    return min(took)
