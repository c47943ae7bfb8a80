"""The simulated market where the clock stands now: one market for all who ask with the same seed and interval."""

from decimal import Decimal

from shared.simulated.market import BLOCK, EPOCH_NS, PHI, SIGMA, ReturnProcess

START_PRICES = {"BTCUSDT": 42_000.0, "ETHUSDT": 2_300.0}
START_PRICE = 100.0


class PresentMarket:
    """Tick n of each symbol at 2025-01-01T00:00:00Z + n · interval_ns, so n says how late it is.

    Nothing is kept but the last block of each symbol: any tick may be asked for, at any time, by any process.

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
        """The newest tick at this time."""
        return (now_ns - EPOCH_NS) // self._interval_ns

    def at_ns(self, n: int) -> int:
        """When tick n is."""
        return EPOCH_NS + n * self._interval_ns

    def price(self, sym: str, n: int) -> Decimal:
        """Of tick n, n ≥ 1."""
        block, index = divmod(n - 1, BLOCK)
        number, cents = self._blocks.get(sym, (-1, []))
        if number != block:
            process = ReturnProcess(self._seed, sym, PHI, SIGMA, START_PRICES.get(sym, START_PRICE))
            series = process.cents(block * BLOCK)
            cents = [next(series) for _ in range(BLOCK)]
            self._blocks[sym] = block, cents
        return Decimal(cents[index]).scaleb(-2)
