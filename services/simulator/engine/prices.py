"""The prices that orders are filled at: standing, walking, of the trades, or of the simulated market.

Buyers pay the ask.
"""

import random
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from services.simulator.engine.listing import Listing
from services.simulator.engine.trade_history import TradeHistory
from shared.simulated_market import PresentMarket

NS_PER_MS = 1_000_000
MOST_STEPS = 1000
MOST_TICKS = 20


class BestPrices(NamedTuple):
    """A market has one best bid and ask at a time."""

    bid: Decimal
    ask: Decimal

    @property
    def mid(self) -> Decimal:
        """Returns the price between the two."""
        return (self.bid + self.ask) / 2


class EnginePrices:
    """Prices that stand until they are set, or walk by a seed.

    - every_ms: the walk's step; 0: they stand.
    - spread: from the middle to each side, in ticks.
    """

    def __init__(self, listings: Iterable[Listing], seed: int = 1, every_ms: int = 0, spread: int = 1) -> None:
        self._every_ms, self._spread = every_ms, spread
        self._listings = {listing.id: listing for listing in listings}
        self._mids = {listing.id: listing.price for listing in self._listings.values()}
        self._dice = {id_: random.Random(f"{seed}:{id_}") for id_ in self._listings}
        self._walked_ms: dict[str, int] = {}

    def set(self, id_: str, price: Decimal) -> None:
        """Sets a market's mid price, from now on."""
        self._mids[id_] = price

    def quote(self, id_: str, now_ms: int) -> BestPrices:
        """Returns the best prices at this time. The walk goes on from the last call."""
        tick = self._listings[id_].tick
        if self._every_ms:
            walked_ms = self._walked_ms.get(id_, now_ms)
            steps = (now_ms - walked_ms) // self._every_ms
            for _ in range(min(steps, MOST_STEPS)):
                moved = self._mids[id_] + tick * self._dice[id_].randint(-MOST_TICKS, MOST_TICKS)
                self._mids[id_] = max(moved, tick * (self._spread + 1))
            self._walked_ms[id_] = walked_ms + steps * self._every_ms
        mid = self._mids[id_]
        return BestPrices(mid - tick * self._spread, mid + tick * self._spread)


class TradedPrices(EnginePrices):
    """Prices a tick below and above each market's last trade; `set` does nothing to them."""

    def __init__(self, histories: Mapping[str, TradeHistory]) -> None:
        super().__init__(history.listing for history in histories.values())
        self._histories = histories

    def quote(self, id_: str, now_ms: int) -> BestPrices:
        """Returns the best prices at this time."""
        history = self._histories[id_]
        last, tick = history.price(now_ms), history.listing.tick
        return BestPrices(last - tick, last + tick)


class SimulatedPrices(EnginePrices):
    """Prices of the simulated market's newest tick, where the ingestor finds the same; one that was set stands.

    They are rounded to the listing's tick. The simulated market knows BTCUSDT; an exchange may call it otherwise, as
    OKX does with BTC-USDT-SWAP.
    """

    def __init__(self, listings: Iterable[Listing], market: PresentMarket, spread: int = 1) -> None:
        super().__init__(listings, spread=spread)
        self._market = market
        self._set: set[str] = set()

    def set(self, id_: str, price: Decimal) -> None:
        """Sets a market's mid price for good."""
        self._set.add(id_)
        super().set(id_, price)

    def quote(self, id_: str, now_ms: int) -> BestPrices:
        """Returns the best prices at this time."""
        if id_ not in self._set:
            listing = self._listings[id_]
            tick, sym = listing.tick, f"{listing.base}USDT"
            price = self._market.price(sym, self._market.n_at(now_ms * NS_PER_MS))
            self._mids[id_] = (price / tick).to_integral_value() * tick
        return super().quote(id_, now_ms)
