"""Backtests that are made up: what a report is made of."""

import math
import random
from datetime import UTC, datetime

from services.research.metrics import Metrics, Results
from services.research.report import Curve
from tests.unit.research.metrics.booked import totals, trip

START = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) * 10**9
STEP = 12 * 3_600 * 10**9


def at(bar: int) -> int:
    """The end of a bar, ns."""
    return START + (bar + 1) * STEP


def made(
    bars: int = 150, trades: int = 40, seed: int = 7, predicts: bool = True, varies: bool = True, moves: bool = True
) -> tuple[Results, Curve]:
    """A backtest of bars of 12 h. varies: its predictions are not all the same; moves: so are prices and equity."""
    dice = random.Random(seed)
    metrics, curve = Metrics("12h", 100.0, resamples=20), Curve(100.0)
    price = equity = 100.0
    for bar in range(bars):
        y_hat = dice.gauss(0, 0.004) if varies else 0.002
        y_hat = y_hat if predicts and bar >= 3 else math.nan
        for watching in (metrics, curve):
            if trades and bar and bar % max(1, bars // trades) == 0:
                closed = trip(1 if bar % 2 else -1, f"{dice.gauss(0.1, 1):.3f}", "0.06")
                watching.on_trip(closed._replace(exit_datetime=at(bar)))
            watching.on_mark(at(bar), price, equity, 1.0, y_hat, 0.0)
        if moves:
            price *= 1 + dice.gauss(0, 0.02)
            equity *= 1 + dice.gauss(0, 0.02)
    return metrics.result(totals(equity, fills=2 * trades)), curve
