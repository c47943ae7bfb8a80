"""A fake venue, put together and served: for tests in their own process, and for the process of its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from services.fake_exchange.admin import Admin
from services.fake_exchange.binance import Binance
from services.fake_exchange.binance_spot import BinanceSpot
from services.fake_exchange.book import Book
from services.fake_exchange.faults import Fault
from services.fake_exchange.floor import Floor
from services.fake_exchange.listing import Listing, binance_spot, btcusdt, okx_spot, okx_swap
from services.fake_exchange.okx import Okx
from services.fake_exchange.prices import Prices
from services.fake_exchange.server import FakeExchange, FakeVenue

FEE = Decimal("0.0005")
VENUES: dict[str, Callable[[Floor], FakeVenue]] = {"binance": Binance, "binance-spot": BinanceSpot, "okx": Okx}
LISTINGS = {
    "binance": (btcusdt(), btcusdt("ETHUSDT", Decimal("2300.00")), btcusdt("BNBUSDT", Decimal("600.00"))),
    "binance-spot": (binance_spot(), binance_spot("ETH", Decimal("2300.00")), binance_spot("BNB", Decimal("600.00"))),
    "okx": (okx_swap(), okx_swap("ETH", Decimal("2300.0")), okx_spot()),
}


@dataclass
class Fake:
    """server: what was asked, what is to go wrong. floor: book, weather, clock, keys."""

    server: FakeExchange
    floor: Floor

    @property
    def url(self) -> str:
        """In front of each of the venue's hosts."""
        return self.server.url

    @property
    def book(self) -> Book:
        """The venue's own."""
        return self.floor.book


@asynccontextmanager
async def serving(
    venue: str, *faults: Fault, port: int = 0, state: Path | None = None, seed: int = 1, walk_ms: int = 0,
    cash: Decimal = Decimal(10_000), listings: tuple[Listing, ...] | None = None,
) -> AsyncIterator[Fake]:  # fmt: skip
    """venue: one of VENUES. The price stands unless `walk_ms`."""
    traded = listings or LISTINGS[venue]
    book = Book(traded, Prices(traded, seed, walk_ms), {"USDT": cash}, FEE, state)
    floor = Floor(book)
    floor.weather.seed = seed
    async with FakeExchange(VENUES[venue](floor), *faults, port=port, weather=floor.weather) as server:
        server.admin.update(Admin(server, floor).answers())
        yield Fake(server, floor)
