"""A ccxt venue on a fake exchange of its own, for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import SecretStr

from services.simulator.bybit import rest as bybit_rows
from services.simulator.engine.events import EngineOrder
from services.simulator.simulator import Simulator, serving
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from shared.exchanges.trading.options import Credentials, VenueOptions
from shared.orders.state import OrderRequest

KEYS = Credentials(SecretStr("fake-key"), SecretStr("fake-secret"), SecretStr("fake-password"))
SYM = "BTCUSDT"


@dataclass(frozen=True)
class Place:
    """A venue and one of its markets. id: the venue's own name for it. fake: the fake's, if not the exchange's."""

    exchange: str
    market: str
    id: str
    fake: str = ""

    @property
    def kind(self) -> str:
        return "swap" if ":" in self.market else "spot"

    def order_id(self, id_: int) -> str:
        """As the venue writes the number of an order."""
        return bybit_rows.order_id(id_, self.kind) if self.exchange == "bybit" else str(id_)

    def trade_id(self, id_: int) -> str:
        """As the venue writes the number of a trade, or of a payment."""
        return bybit_rows.exec_id(id_, self.kind) if self.exchange == "bybit" else str(id_)


BINANCE = Place("binance", "BTC/USDT:USDT", "BTCUSDT")
BINANCE_SPOT = Place("binance", "BTC/USDT", "BTCUSDT", "binance-spot")
OKX = Place("okx", "BTC/USDT:USDT", "BTC-USDT-SWAP")
OKX_SPOT = Place("okx", "BTC/USDT", "BTC-USDT")
BYBIT = Place("bybit", "BTC/USDT:USDT", "BTCUSDT")
BYBIT_SPOT = Place("bybit", "BTC/USDT", "BTCUSDT", "bybit-spot")
SWAPS = [BINANCE, OKX, BYBIT]
SPOTS = [BINANCE_SPOT, OKX_SPOT, BYBIT_SPOT]


def named(place: object) -> str:
    """A test's id for a place."""
    return f"{place.exchange}{'-spot' if place.kind == 'spot' else ''}" if isinstance(place, Place) else ""


@dataclass
class Pair:
    """The venue under test and the fake that it speaks to; `sent` counts orders on the wire, `book` is the fake's."""

    venue: CcxtVenue
    fake: Simulator
    place: Place

    @property
    def sent(self) -> int:
        return self.fake.server.count("/order", "POST")

    @property
    def accepted(self) -> list[EngineOrder]:
        return self.fake.engine.accepted

    def request(self, qty: str, number: int = 1, *, reduce_only: bool = False, validity_ms: int = 5000) -> OrderRequest:
        return OrderRequest(
            SYM, f"{number:032x}", Decimal(qty), reduce_only, at_ms=self.venue.now_ms(), validity_ms=validity_ms
        )


def options(place: Place, url: str, **changes: Any) -> VenueOptions:
    fields: dict[str, Any] = {"leverage": 3, "timeout_s": 30.0, "attempts": 3, "throttled": False, "mode": "live"}
    return VenueOptions(place.exchange, {SYM: place.market}, base_url=url, **{**fields, **changes})


@asynccontextmanager
async def trading(place: Place, **changes: Any) -> AsyncIterator[Pair]:
    """Opened; nothing is counted yet."""
    async with serving(place.fake or place.exchange) as fake:
        venue = CcxtVenue(options(place, fake.url, **changes), KEYS)
        await venue.open()
        fake.server.requests.clear()
        try:
            yield Pair(venue, fake, place)
        finally:
            await venue.close()
