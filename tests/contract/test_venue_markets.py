"""The contract of a venue with 1, 2 and 30 markets of one account, at the pace of ccxt's own throttle."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import ROUND_UP, Decimal
from typing import Any, NamedTuple

import pytest

from services.simulator.dialects import markets
from services.simulator.engine.events import NewOrder, State
from services.simulator.engine.listing import Listing
from services.simulator.simulator import Simulator, serving
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from shared.exchanges.trading.options import VenueOptions
from shared.messages.reasons import OrderPhase
from shared.orders.answers import OrderStatusReport
from shared.orders.state import OrderRequest
from tests.simulator_venues import SPOTS, SWAPS, Place, named
from tests.virtual_time import run_with_sockets

COUNTS = [1, 2, 30]
WORTH = Decimal(150)
FUNDING_S = 5.0  # equity may not get much older


class Account(NamedTuple):
    """listings: by our symbol."""

    venue: CcxtVenue
    fake: Simulator
    listings: dict[str, Listing]

    def qty(self, sym: str) -> Decimal:
        """Worth a little more than any venue's least."""
        listing = self.listings[sym]
        return (WORTH / listing.price / listing.step).to_integral_value(ROUND_UP) * listing.step

    async def buy(self, sym: str, number: int) -> None:
        """At the market, through the venue."""
        request = OrderRequest(sym, f"{number:032x}", self.qty(sym), False, at_ms=self.venue.now_ms(), validity_ms=5000)
        assert isinstance(await self.venue.place(request), OrderStatusReport)


@asynccontextmanager
async def account(place: Place, count: int) -> AsyncIterator[Account]:
    """So many markets, opened."""
    listings = {f"{one.base}USDT": one for one in markets(named(place), count)}
    async with serving(place.fake or place.exchange, listings=tuple(listings.values()), chances={}) as fake:
        options = VenueOptions(
            place.exchange, {sym: place.market_of(one.base) for sym, one in listings.items()}, mode="live", leverage=3,
            base_url=fake.url, timeout_s=2.0, attempts=3, throttled=True,
        )  # fmt: skip
        venue = CcxtVenue(options, place.keys)
        await venue.open()
        try:
            yield Account(venue, fake, listings)
        finally:
            await venue.close()


def many(
    test: Callable[[Place, int], Awaitable[None]],
) -> Callable[[Place, int, pytest.MonkeyPatch], None]:
    """In virtual time."""

    def ran(place: Place, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
        async def whole() -> None:
            await test(place, count)

        run_with_sockets(whole(), monkeypatch)

    ran.__name__, ran.__doc__ = test.__name__, test.__doc__
    return ran


def cases(places: list[Place]) -> Any:
    """Each place with each count."""
    return pytest.mark.parametrize(
        ("place", "count"),
        [pytest.param(place, count, id=f"{named(place)}-{count}") for place in places for count in COUNTS],
    )


@cases(SWAPS)
@many
async def test_all_positions_are_told_at_once(place: Place, count: int) -> None:
    async with account(place, count) as held:
        for number, sym in enumerate(held.listings):
            await held.buy(sym, number)
        assert {one.sym: one.signed_qty for one in await held.venue.positions()} == {
            sym: held.qty(sym) for sym in held.listings
        }


@cases(SPOTS)
@many
async def test_all_coins_are_told_at_once(place: Place, count: int) -> None:
    async with account(place, count) as held:
        for number, sym in enumerate(held.listings):
            await held.buy(sym, number)
        cash = held.fake.engine.wallet.cash
        assert {one.sym: one.signed_qty for one in await held.venue.positions()} == {
            sym: cash[listing.base] for sym, listing in held.listings.items()
        }


@cases(SWAPS + SPOTS)
@many
async def test_each_market_tells_its_own_quote_orders_and_fills_and_ends_only_its_own(place: Place, count: int) -> None:
    async with account(place, count) as held:
        syms = list(held.listings)
        for number, sym in enumerate(syms):
            await held.buy(sym, number)
            listing = held.listings[sym]
            low = (listing.price * Decimal("0.8") / listing.tick).to_integral_value() * listing.tick
            held.fake.engine.place(
                NewOrder(listing.id, held.qty(sym), f"f{number:031x}", limit=low), held.fake.state.now_ms()
            )
        for number, sym in enumerate(syms):
            quote, listing = await held.venue.quote(sym), held.listings[sym]
            assert (quote.bid, quote.ask) == (listing.price - listing.tick, listing.price + listing.tick)
            (order,) = await held.venue.open_orders(sym)
            assert (order.client_order_id, order.report.phase) == (f"f{number:031x}", OrderPhase.NEW)
            (fill,) = await held.venue.fills(sym, held.venue.now_ms() - 60_000)
            assert (fill.sym, fill.signed_qty) == (sym, held.qty(sym))
        await held.venue.cancel_all(syms[-1])
        resting = [order for order in held.fake.engine.orders() if order.limit is not None and not order.ioc]
        assert [order.state for order in resting] == [State.NEW] * (count - 1) + [State.CANCELED]


@cases(SWAPS)
@many
async def test_funding_of_all_is_told_with_its_sign(place: Place, count: int) -> None:
    async with account(place, count) as held:
        for number, sym in enumerate(held.listings):
            await held.buy(sym, number)
            held.fake.state.fund(held.listings[sym].id, Decimal("0.0001"))
        paid = await held.venue.funding(held.venue.now_ms() - 60_000)
        assert {row.sym: row.amount for row in paid} == {
            sym: next(pay.amount for pay in held.fake.engine.payments if pay.sym == listing.id)
            for sym, listing in held.listings.items()
        }


@cases(SWAPS)
@many
async def test_funding_of_all_is_asked_for_in_a_few_seconds(place: Place, count: int) -> None:
    async with account(place, count) as held:
        await asyncio.sleep(600)  # the throttle owes nothing
        loop = asyncio.get_running_loop()
        before_s = loop.time()
        await held.venue.funding(held.venue.now_ms() - 60_000)
        assert loop.time() - before_s < FUNDING_S
