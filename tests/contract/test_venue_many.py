"""An account of 1, 2 and 30 markets on every dialect: all that takes or gives a list does so for all of them."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from services.fake_exchange.book import Ask
from services.fake_exchange.listing import Listing, binance_spot, btcusdt, bybit_spot, bybit_swap, okx_spot, okx_swap
from services.fake_exchange.serve import serving
from services.gateway.venues.ccxt_venue import CcxtVenue
from services.gateway.venues.options import VenueOptions
from shared.orders.answers import Snapshot
from shared.orders.request import OrderRequest
from tests.venues import BINANCE, BINANCE_SPOT, BYBIT, BYBIT_SPOT, KEYS, OKX, OKX_SPOT, Place, named

LISTED: list[tuple[Place, Callable[[str, Decimal], Listing]]] = [
    (BINANCE, lambda base, price: btcusdt(f"{base}USDT", price)),
    (BINANCE_SPOT, binance_spot),
    (OKX, okx_swap),
    (OKX_SPOT, okx_spot),
    (BYBIT, bybit_swap),
    (BYBIT_SPOT, bybit_spot),
]
PRICE, QTY = Decimal(42_000), Decimal("0.010")


@pytest.mark.parametrize("count", [1, 2, 30])
@pytest.mark.parametrize(("place", "listed"), LISTED, ids=named)
async def test_an_account_of_many_markets(place: Place, listed: Callable[[str, Decimal], Listing], count: int) -> None:
    bases = ["BTC", "ETH", *(f"C{number}" for number in range(28))][:count]
    tail = ":USDT" if place.kind == "swap" else ""
    markets = {f"{base}USDT": f"{base}/USDT{tail}" for base in bases}
    listings = tuple(listed(base, PRICE) for base in bases)
    async with serving(place.fake or place.exchange, listings=listings, cash=Decimal(10**9)) as fake:
        venue = CcxtVenue(
            VenueOptions(place.exchange, markets, "live", 3, base_url=fake.url, attempts=1, throttled=False), KEYS
        )
        await venue.open()
        try:
            for number, sym in enumerate(markets):
                request = OrderRequest(sym, f"{number:032x}", QTY, False, venue.now_ms(), 5_000)
                assert isinstance(await venue.place(request), Snapshot)
            for listing in listings:
                fake.book.place(Ask(listing.id, QTY, limit=Decimal(40_000)), fake.floor.now_ms())
            held = {position.sym: position.signed_qty for position in await venue.positions()}
            assert held.keys() == markets.keys()
            assert all(qty >= QTY * (1 - fake.book.fee) for qty in held.values())
            for sym in markets:
                assert len(await venue.open_orders(sym)) == 1
                assert len(await venue.fills(sym, venue.now_ms() - 60_000)) == 1
                assert (await venue.quote(sym)).sym == sym
                await venue.cancel_all(sym)
            assert fake.book.open_orders() == []
            await venue.funding(venue.now_ms() - 60_000)
            await venue.balance()
        finally:
            await venue.close()
