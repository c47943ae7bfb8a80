"""The simulated market has log returns that revert, and random access to any place of the series.

For one symbol, ticks n = 1, 2, … in blocks of B = 16384:

    z_n         standard normals; those of block b from Philox, key (seed, crc32(sym)), counter (0, 0, 0, b)
    e_n         = z_n − mean of z over n's block                     (so the innovations of a block add up to zero)
    r_n         = phi · r_{n−1} + sigma · e_n,  r_0 = 0              (log return)
    log P_n     = log(start_price) + r_1 + … + r_n
    price       = P_n rounded half-even to 0.01, never below 0.01

Summing r_n over whole blocks, where the e add up to zero, gives log P_n − log(start_price) = −phi / (1 − phi) · r_n. So
at the end of each block the price is back at start_price but for the last return, and the price level cannot wander:
within a block its logarithm is a bridge with standard deviation up to sigma / (1 − phi) · √B / 2 (6.4 % for the
defaults). What a block needs of its past is the one return before it; as that forgets like phi^k, it is computed from
the last K innovations of the block before, with |phi|^K < 1e-18. That makes each block a pure function of its number:
the place where a series was opened does not change it.

For phi < 0 the returns revert. The best forecast of r_{n+1} is phi · r_n (weights phi, 0, 0 on three lags, bias 0), and
corr(phi · r_n, r_{n+1}) = |phi|, less what rounding to 0.01 takes.
"""

import math
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from zlib import crc32

import numpy as np

from shared.intervals import NS_PER_S

EPOCH_NS = 1_735_689_600 * NS_PER_S  # tick n is at 2025-01-01T00:00:00Z + n · interval
PHI = -0.5
SIGMA = 0.0015  # so that two legs at the default fee cost less than the forecast earns: 0.06 % of 0.07 %
BLOCK = 16_384
AT_ONCE = 64  # shocks of a block that are made together
CENT = 100
_FORGOTTEN = math.log(1e-18)


class ReturnProcess:
    """A return process gives the prices of one symbol, from any place of the series on.

    >>> process = ReturnProcess(seed=1, sym="SIM-A", phi=-0.5, sigma=0.001, start_price=100.0)
    >>> from itertools import islice
    >>> near, far = process.cents(9_999_999), process.cents(10_000_000)
    >>> list(islice(near, 1, 6)) == list(islice(far, 5))
    True
    """

    def __init__(self, seed: int, sym: str, phi: float, sigma: float, start_price: float) -> None:
        self._key = (seed, crc32(sym.encode()))
        self._phi = phi
        self._sigma = sigma
        self._start = math.log(start_price)
        self._memory = min(BLOCK, math.ceil(_FORGOTTEN / math.log(abs(phi)))) if phi else 1

    def cents(self, position: int) -> Iterator[int]:
        """Yields the prices of ticks position + 1, position + 2, … in hundredths, without an end."""
        block, skip = divmod(position, BLOCK)
        while True:
            r = self._return_before(block)
            level = self._start - self._phi / (1 - self._phi) * r
            for shock in self._shocks(block):
                r = self._phi * r + shock
                level += r
                if skip:
                    skip -= 1
                else:
                    yield max(1, round(math.exp(level) * CENT))
            block += 1

    def _return_before(self, block: int) -> float:
        r = 0.0
        if block:
            for shock in deque(self._shocks(block - 1), maxlen=self._memory):
                r = self._phi * r + shock
        return r

    def _shocks(self, block: int) -> Iterator[float]:
        """Yields sigma · e over one block, some at a time: with whole blocks many symbols would fill the memory."""
        mean = math.fsum(self._normals(block).standard_normal(BLOCK).tolist()) / BLOCK
        normals = self._normals(block)
        for _ in range(BLOCK // AT_ONCE):
            yield from ((normals.standard_normal(AT_ONCE) - mean) * self._sigma).tolist()

    def _normals(self, block: int) -> np.random.Generator:
        """Returns what gives z over one block, from its first on, however many are taken at once."""
        return np.random.Generator(np.random.Philox(key=self._key, counter=(0, 0, 0, block)))


START_PRICES = {"BTCUSDT": 42_000.0, "ETHUSDT": 2_300.0}
START_PRICE = 100.0


class PresentMarket:
    """The present market has tick n of each symbol at 2025-01-01T00:00:00Z + n · interval_ns: n says how late it is.

    All processes with the same seed and interval see the same market. Anybody may ask for any tick at any time, since
    an object keeps only the last block of each symbol.

    >>> market = PresentMarket(seed=1, interval_ns=10**9)
    >>> market.n_at(EPOCH_NS + 5_900_000_000), market.at_ns(5) - EPOCH_NS
    (5, 5000000000)
    >>> market.price("BTCUSDT", 60_000_000) == PresentMarket(1, 10**9).price("BTCUSDT", 60_000_000)
    True
    """

    def __init__(self, seed: int, interval_ns: int) -> None:
        self._seed, self._interval_ns = seed, interval_ns
        self._blocks: dict[str, tuple[int, list[int]]] = {}

    def n_at(self, now_ns: int) -> int:
        """Returns the newest tick at this time."""
        return (now_ns - EPOCH_NS) // self._interval_ns

    def at_ns(self, n: int) -> int:
        """Returns the time of tick n, in ns."""
        return EPOCH_NS + n * self._interval_ns

    def price(self, sym: str, n: int) -> Decimal:
        """Returns the price of tick n, n ≥ 1."""
        block, index = divmod(n - 1, BLOCK)
        number, cents = self._blocks.get(sym, (-1, []))
        if number != block:
            process = ReturnProcess(self._seed, sym, PHI, SIGMA, START_PRICES.get(sym, START_PRICE))
            series = process.cents(block * BLOCK)
            cents = [next(series) for _ in range(BLOCK)]
            self._blocks[sym] = block, cents
        return Decimal(cents[index]).scaleb(-2)
