"""Predictions are compared with what came: correlations of any number of pairs, in bounded memory."""

import math

import numpy as np
from pydantic import BaseModel, ConfigDict

from services.research.metrics import formats
from services.research.metrics.registry import MetricSection, metric, stored
from services.research.statistics import (
    RESAMPLES,
    Floats,
    Interval,
    block_length,
    pair_columns,
    pearson,
    pearson_interval,
    spearman,
    spearman_interval,
)


class Estimate(BaseModel):
    """An estimate is a number with its 95 % interval from a block bootstrap; no bounds where too little was there."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float | None = None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.value is None or self.low is None or self.high is None:
            return formats.number(self.value)
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


class PairSums:
    """Sums all pairs in blocks of neighbours.

    When there would be more than `limit` blocks, two neighbours become one, so the blocks lengthen with the series.

    >>> sums = PairSums(limit=4)
    >>> sums.add(np.arange(10.0), np.arange(10.0))
    >>> sums.blocks()[:, 0].tolist()
    [4.0, 4.0, 2.0]
    """

    def __init__(self, limit: int = 2_048) -> None:
        self.n = 0
        self._limit = limit
        self._length = 1
        self._done = np.empty((0, 6))
        self._open = np.zeros(6)  # fewer than a block's pairs
        self._shift: tuple[float, float] | None = None

    def add(self, x: Floats, y: Floats) -> None:
        """Takes the next pairs."""
        if not len(x):
            return
        if self._shift is None:  # correlations do not change by it, and sums of squares keep their digits
            self._shift = float(x[0]), float(y[0])
        x, y = x - self._shift[0], y - self._shift[1]
        self.n += len(x)
        while self.n // self._length > self._limit:
            self._done, self._open = _halved(self._done, self._open)
            self._length *= 2
        missing = self._length - int(self._open[0])
        starts = np.array([0, *range(missing, len(x), self._length)])
        sums = np.stack([np.add.reduceat(column, starts) for column in pair_columns(x, y)], axis=-1)
        sums[0] += self._open
        whole = len(sums) if sums[-1, 0] == self._length else len(sums) - 1
        self._done = np.concatenate([self._done, sums[:whole]])
        self._open = sums[whole] if whole < len(sums) else np.zeros(6)

    def blocks(self) -> Floats:
        """Returns `pair_sums` of blocks as long as a bootstrap of all pairs wants; the last is shorter."""
        done, rest, length = self._done, self._open, self._length
        while length < block_length(self.n):
            done, rest = _halved(done, rest)
            length *= 2
        return np.concatenate([done, rest[None]]) if rest[0] else done


class PairSample:
    """Keeps pairs for what needs them one by one: all of at most blocks × length, else so many of them.

    They are drawn in blocks from all with equal chance (reservoir, seeded). In which pieces the pairs come does not
    change the draw.
    """

    def __init__(self, blocks: int = 1_024, length: int = 64, seed: int = 0) -> None:
        self.length = length
        self._limit = blocks
        self._rng = np.random.default_rng(seed)
        self._kept = np.empty((2, 0, length))
        self._ids = np.empty(0, dtype=np.int64)
        self._rest = np.empty(0), np.empty(0)
        self._seen = 0

    @property
    def complete(self) -> bool:
        """Says whether every pair counts."""
        return self._seen <= self._limit

    def add(self, x: Floats, y: Floats) -> None:
        """Takes the next pairs."""
        x, y = np.concatenate([self._rest[0], x]), np.concatenate([self._rest[1], y])
        count = len(x) // self.length
        whole = count * self.length
        self._rest = x[whole:].copy(), y[whole:].copy()
        fresh = [values[:whole].reshape(count, self.length) for values in (x, y)]
        room = min(max(self._limit - self._seen, 0), count)
        if room:
            self._kept = np.concatenate([self._kept, [values[:room] for values in fresh]], axis=1)
            self._ids = np.concatenate([self._ids, np.arange(self._seen, self._seen + room)])
        numbers = np.arange(self._seen + room, self._seen + count)
        places = (self._rng.random(len(numbers)) * (numbers + 1)).astype(np.int64)
        drawn = np.flatnonzero(places < self._limit)  # of two with the same place the later one stays
        self._kept[:, places[drawn]] = [values[room + drawn] for values in fresh]
        self._ids[places[drawn]] = numbers[drawn]
        self._seen += count

    @property
    def kept(self) -> int:
        """Returns how many pairs are kept in whole blocks."""
        return len(self._ids) * self.length

    def pairs(self) -> tuple[Floats, Floats]:
        """Returns the kept pairs in the order of time."""
        x, y = self._kept[:, np.argsort(self._ids)].reshape(2, -1)
        if self.complete:
            return np.concatenate([x, self._rest[0]]), np.concatenate([y, self._rest[1]])
        return x, y


def _halved(done: Floats, rest: Floats) -> tuple[Floats, Floats]:
    """Returns blocks of twice the length; one without a neighbour goes to what is still open."""
    even = len(done) // 2 * 2
    if even < len(done):
        rest = done[-1] + rest
    return done[:even:2] + done[1:even:2], rest


class Forecasts:
    """Watches prices and the predictions made at them, NaN for none; an outcome is ln(next price / price)."""

    def __init__(self, *, seed: int = 0, resamples: int = RESAMPLES) -> None:
        self._seed, self._resamples = seed, resamples
        self._sums, self._sample = PairSums(), PairSample(seed=seed)
        self._hits = self._moves = 0
        self._price = self._y_hat = math.nan  # the last ones: their outcome is not known yet

    def add(self, prices: Floats, y_hats: Floats) -> None:
        """Takes the next bars."""
        if not len(prices):
            return
        y_hat, before = np.concatenate([[self._y_hat], y_hats[:-1]]), self._price
        self._price, self._y_hat = float(prices[-1]), float(y_hats[-1])
        made = ~np.isnan(y_hat)
        if not made.any():
            return
        logs = np.log(np.concatenate([[before], prices]))
        outcome = logs[1:] - logs[:-1]
        if not made.all():
            y_hat, outcome = y_hat[made], outcome[made]
        self._sums.add(y_hat, outcome)
        self._sample.add(y_hat, outcome)
        rose, fell = outcome > 0, outcome < 0
        self._moves += int(np.count_nonzero(rose) + np.count_nonzero(fell))
        self._hits += int(np.count_nonzero(rose & (y_hat > 0)) + np.count_nonzero(fell & (y_hat < 0)))

    @property
    def count(self) -> int:
        """Returns how many predictions have an outcome."""
        return self._sums.n

    @property
    def hit_rate(self) -> float | None:
        """Returns the share of equal signs where the price moved; None where it never did."""
        return self._hits / self._moves if self._moves else None

    @property
    def sampled(self) -> int | None:
        """Returns how many pairs the rank correlation uses; None for all."""
        return None if self._sample.complete else self._sample.kept

    def ic(self) -> Estimate:
        """Returns Pearson's correlation with its interval; without a value where one side does not vary."""
        blocks = self._sums.blocks()
        value = float(pearson(blocks.sum(axis=0))) if len(blocks) else math.nan
        if math.isnan(value):
            return Estimate()
        return _estimate(value, pearson_interval(blocks, self._resamples, self._seed))

    def rank_ic(self) -> Estimate:
        """Returns Spearman's correlation with its interval; without a value where one side does not vary."""
        x, y = self._sample.pairs()
        value = spearman(x, y)
        if value is None:
            return Estimate()
        block = block_length(len(x)) if self._sample.complete else self._sample.length
        return _estimate(value, spearman_interval(x, y, block, self._resamples, self._seed))


def _estimate(value: float, interval: Interval | None) -> Estimate:
    return Estimate(value=value, low=interval.low if interval else None, high=interval.high if interval else None)


class PredictionMetrics(MetricSection):
    """The predictions are compared with what came: y_hat beside ln(next close / close).

    - predictions: pairs of both.
    - ic: Pearson's correlation.
    - rank_ic: Spearman's.
    - hit_rate: share of equal signs where the price moved.
    - sampled: how many pairs rank_ic and its interval were made of, None when of all.
    """

    predictions: int = metric("predictions", formats.count, lambda f: f.count)
    ic: Estimate = metric("IC [95 %]", str, lambda f: f.ic())
    rank_ic: Estimate = metric("rank IC [95 %]", str, lambda f: f.rank_ic())
    hit_rate: float | None = metric("hit rate", formats.percent, lambda f: f.hit_rate)
    sampled: int | None = stored(lambda f: f.sampled)
