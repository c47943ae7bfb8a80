"""Prices with something to learn in them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shared.history import HistoryBar
from shared.models.dataset import Dataset, dataset

HOUR_NS = 3_600_000_000_000
START = datetime(2024, 1, 1, tzinfo=UTC)


def reverting_returns(count: int, seed: int = 1, weight: float = -0.4) -> npt.NDArray[np.float64]:
    """r_t = weight · r_(t-1) + noise."""
    noise = np.random.default_rng(seed).normal(0.0, 0.01, count).tolist()
    returns = [0.0]
    for shock in noise:
        returns.append(weight * returns[-1] + shock)
    return np.array(returns[1:])


def prices_of(returns: npt.NDArray[np.float64]) -> list[Decimal]:
    """Prices that make these returns, starting at 100."""
    return [Decimal(str(round(p, 6))) for p in 100 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))]


def hourly(prices: list[Decimal]) -> list[HistoryBar]:
    """Bars of these closes."""
    return [HistoryBar((i + 1) * HOUR_NS, p, p, p, p, i + 2) for i, p in enumerate(prices)]


def write_prices(path: Path, prices: list[Decimal], hours: int = 1) -> Path:
    """A file of these closes."""
    rows = [f"{START + timedelta(hours=hours * i):%Y-%m-%dT%H:%M:%S},{p}" for i, p in enumerate(prices)]
    path.write_text("\n".join(["datetime,price", *rows]) + "\n")
    return path


def samples_of(count: int, lags: int = 2, seed: int = 1) -> Dataset:
    """`count` samples of a market that reverts."""
    return dataset(hourly(prices_of(reverting_returns(count + lags, seed))), f"log_return_lags({lags})")
