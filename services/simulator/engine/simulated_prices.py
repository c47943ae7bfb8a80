"""The fake's quotes out of the simulated market at the present time, where the ingestor finds the same prices."""

from collections.abc import Iterable
from decimal import Decimal

from services.simulator.engine.listing import Listing
from services.simulator.engine.prices import Prices, Quote
from shared.simulated.present import PresentMarket

NS_PER_MS = 1_000_000


class SimulatedPrices(Prices):
    """The newest tick's price, rounded to the listing's tick; one that was set stands.

    The simulated market knows BTCUSDT; the venue may call it otherwise, as OKX does with BTC-USDT-SWAP.
    """

    def __init__(self, listings: Iterable[Listing], market: PresentMarket, spread: int = 1) -> None:
        super().__init__(listings, spread=spread)
        self._market = market
        self._set: set[str] = set()

    def set(self, id_: str, price: Decimal) -> None:
        """From now on."""
        self._set.add(id_)
        super().set(id_, price)

    def quote(self, id_: str, now_ms: int) -> Quote:
        """At this time."""
        if id_ not in self._set:
            listing = self._listings[id_]
            tick, sym = listing.tick, f"{listing.base}{listing.quote}"
            price = self._market.price(sym, self._market.n_at(now_ms * NS_PER_MS))
            self._mids[id_] = (price / tick).to_integral_value() * tick
        return super().quote(id_, now_ms)
