"""Runs of both engines over the same prices and predictions."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from services.research.backtest import Backtest, Inputs, VenueRules
from services.research.fast import BarColumns, ExactRun, FastRun, Terms, require_same, trade
from services.research.fast.predictions import ToldModel
from services.research.in_process_line import line_plans_with
from shared.config import Settings, load_settings
from shared.history import HistoryBar
from shared.needs import stop_needs

SYM = "BTCUSDT"
MINUTE_NS = 60 * 10**9


def settings_of(fee: str = "0.0003", slippage_bps: str = "0", **strategy: Any) -> Settings:
    made: Settings = load_settings(
        interval="1m",
        symbols=(SYM,),
        run_id="fast",
        ingestor={"source": "replay", "files": {SYM: Path("none.csv")}},
        strategy={"balance": Decimal(100), **strategy},
        gateway={"fee": fee, "slippage_bps": slippage_bps},
    )
    return made


def bars_of(prices: Sequence[Decimal]) -> list[HistoryBar]:
    """Minutes of one price each."""
    return [HistoryBar(at * MINUTE_NS, price, price, price, price, at, True) for at, price in enumerate(prices, 1)]


def whole_bars(rows: Sequence[Sequence[Decimal]]) -> list[HistoryBar]:
    """Minutes, each of any four prices: the first is its open, the last its close."""
    return [
        HistoryBar(at * MINUTE_NS, row[0], max(row), min(row), row[-1], at, volume=Decimal(0))
        for at, row in enumerate(rows, 1)
    ]


def exact_run(settings: Settings, bars: Sequence[HistoryBar], y_hats: Sequence[float], **rules: Any) -> ExactRun:
    """The first bar warms the feature, so it has no prediction."""
    plans = line_plans_with(settings, ToldModel(y_hats[1:]), ["log_return_lags(1)"], "told")
    watched = ExactRun()
    inputs = Inputs(bars, plans, stop_needs(settings))
    Backtest(settings, VenueRules(**rules), inputs=inputs).run([watched], tap=watched.tap)
    return watched


def fast_run(
    settings: Settings, bars: Sequence[HistoryBar], y_hats: Sequence[float], paid: Any = None, **rules: Any
) -> FastRun:
    columns: Any = np.array([[float(price) for price in bar[1:5]] for bar in bars]).T.copy()
    ts = np.array([bar.ts_event for bar in bars])
    funding = np.zeros(len(ts)) if paid is None else paid
    opens, highs, lows, closes = columns
    bars_of_it = BarColumns(ts, opens, highs, lows, closes, funding)
    return trade(bars_of_it, shown(y_hats), Terms.of(settings, VenueRules(**rules)), keep=True)


def shown(y_hats: Sequence[float]) -> Any:
    return np.array([np.nan, *y_hats[1:]])


def compared(
    settings: Settings, bars: Sequence[HistoryBar], y_hats: Sequence[float], paid: Any = None, **rules: Any
) -> FastRun:
    """Both engines, which must have done the same; raises OnlyExact where the fast one hands it back."""
    fast = fast_run(settings, bars, y_hats, paid, **rules)
    step = float(settings.strategy.step_of(SYM) or 0)
    exact = exact_run(settings, bars, y_hats, **rules)
    require_same(fast, shown(y_hats), exact, [bar.ts_event for bar in bars], step, "a test")
    return fast
