"""Predictions beside what came."""

import math

import numpy as np
from numpy.typing import NDArray

from services.research.metrics.pairs import PairSample, PairSums
from services.research.metrics.results import Estimate, Model
from services.research.metrics.statistics import (
    RESAMPLES,
    Interval,
    block_length,
    pearson,
    pearson_interval,
    spearman,
    spearman_interval,
)

Floats = NDArray[np.float64]


class Forecasts:
    """Watches prices and the predictions made at them, NaN for none. The outcome of one is ln(next price / price)."""

    def __init__(self, *, seed: int = 0, resamples: int = RESAMPLES) -> None:
        self._seed, self._resamples = seed, resamples
        self._sums, self._sample = PairSums(), PairSample(seed=seed)
        self._hits = self._moves = 0
        self._waiting = np.empty((2, 0))  # the last price and prediction: their outcome is not known yet

    def add(self, prices: Floats, y_hats: Floats) -> None:
        """Take the next bars."""
        if not len(prices):
            return
        price, y_hat = np.concatenate([self._waiting, [prices, y_hats]], axis=1)
        self._waiting = np.array([price[-1:], y_hat[-1:]])
        made = ~np.isnan(y_hat[:-1])
        y_hat, outcome = y_hat[:-1][made], np.diff(np.log(price))[made]
        self._sums.add(y_hat, outcome)
        self._sample.add(y_hat, outcome)
        moved = outcome != 0
        self._moves += int(moved.sum())
        self._hits += int((np.sign(y_hat) == np.sign(outcome))[moved].sum())

    def model(self) -> Model:
        """The correlations with their intervals, and the hit rate."""
        sample = self._sample
        x, y = sample.pairs()
        return Model(
            predictions=self._sums.n,
            ic=self._ic(),
            rank_ic=self._rank_ic(x, y, block_length(len(x)) if sample.complete else sample.length),
            hit_rate=self._hits / self._moves if self._moves else None,
            sampled=None if sample.complete else len(x),
        )

    def _ic(self) -> Estimate:
        blocks = self._sums.blocks()
        value = float(pearson(blocks.sum(axis=0))) if len(blocks) else math.nan
        if math.isnan(value):
            return _estimate(None, None)
        return _estimate(value, pearson_interval(blocks, self._resamples, self._seed))

    def _rank_ic(self, x: Floats, y: Floats, block: int) -> Estimate:
        value = spearman(x, y)
        if value is None:
            return _estimate(None, None)
        return _estimate(value, spearman_interval(x, y, block, self._resamples, self._seed))


def _estimate(value: float | None, interval: Interval | None) -> Estimate:
    return Estimate(value=value, low=interval.low if interval else None, high=interval.high if interval else None)
