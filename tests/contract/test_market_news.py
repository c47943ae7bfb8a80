"""What changes at a venue while the line runs: markets read anew, modes that somebody sets by hand."""

from decimal import Decimal

import pytest

from services.gateway.execution.account_reader import AccountReader
from services.simulator.dialects import LISTED_AS
from services.simulator.engine.events import NewOrder
from services.simulator.simulator import serving
from shared.errors import VenueError
from shared.exchanges.binance.profile import BinanceProfile
from shared.exchanges.trading.amounts import plain
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from shared.exchanges.trading.options import VenueOptions
from shared.exchanges.trading.venue import MarketNews
from tests.simulator_venues import (
    BINANCE,
    BYBIT,
    BYBIT_SPOT,
    HYPERLIQUID,
    OKX,
    SPOTS,
    SWAPS,
    SYM,
    Pair,
    Place,
    in_process,
    named,
    trading,
)
from tests.virtual_time import virtually

D = Decimal
PLACES = [*SWAPS, *SPOTS]
# Of BinanceProfile's exchangeInfo, of OKX's instruments; Bybit lists only what is traded.
SUSPENDED = {"binance": "SETTLING", "okx": "suspend", "bybit": "Closed", "hyperliquid": "delisted"}
SPOT_SUSPENDED = {**SUSPENDED, "binance": "BREAK"}
KEEPS_ALL = [HYPERLIQUID]  # what is delisted keeps its place in the list for ever, and no end is announced
ENDING = [place for place in SWAPS if place not in KEEPS_ALL]
END_MS = 1_794_990_360_000


def said(place: Place, status: str) -> str:
    """Returns what a sentence has of an exchange's own word for that a market is closed."""
    return "" if place is HYPERLIQUID else f" ({status})"  # it says `isDelisted`, and nothing more


async def news_of(pair: Pair) -> MarketNews:
    (news,) = await pair.venue.read_markets()
    return news


@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_what_is_as_it_was_is_no_news(place: Place) -> None:
    async with trading(place) as pair:
        before = pair.venue.rules(SYM)
        assert await news_of(pair) == MarketNews(SYM, "", "")
        assert pair.venue.rules(SYM) == before
        assert await pair.venue.read_modes() == {}


@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_a_market_that_is_not_traded_any_more(place: Place) -> None:
    async with trading(place) as pair:
        status = (SUSPENDED if place.kind == "swap" else SPOT_SUSPENDED)[place.exchange]
        pair.fake.engine.set(f"status:{place.id}", status)
        news, before = await news_of(pair), pair.venue.rules(SYM)
        told = (
            "does not list it any more" if place.exchange == "bybit" else f"does not trade it now{said(place, status)}"
        )
        assert (news.closed, news.changed) == (f"{place.exchange} {place.market}: the exchange {told}", "")
        assert await news_of(pair) == news, "and again"
        assert pair.venue.rules(SYM) == before
        quotes = await pair.venue.quotes([SYM])
        told_trading = [] if place in (BYBIT, BYBIT_SPOT) else [False]
        assert [quote.trading for quote in quotes.values()] == told_trading
        if quotes:
            assert not (await pair.venue.quote(SYM)).trading, "no quote is fresh where nothing is traded"
        await pair.venue.positions()
        await pair.venue.cancel_all(SYM)
        pair.fake.engine.set(f"status:{place.id}", "")
        assert (await news_of(pair)).closed == ""
        assert (await pair.venue.quotes([SYM]))[SYM].trading


@pytest.mark.parametrize("place", [*ENDING, *SPOTS], ids=named)
async def test_a_market_that_is_gone_keeps_no_other_from_being_read(place: Place) -> None:
    bases = ["BTC", "ETH", "SOL", "XRP", "ADA"]
    listings = {base: LISTED_AS[named(place)](base, D(100)) for base in bases}
    async with serving(place.fake or place.exchange, listings=tuple(listings.values())) as fake:
        markets = {f"{base}USDT": place.market_of(base) for base in bases}
        venue = CcxtVenue(
            VenueOptions(place.exchange, markets, "live", 3, base_url=fake.url, attempts=1, throttled=False), place.keys
        )
        await venue.open()
        try:
            del fake.engine.listings[listings["ETH"].id]
            gone = next(news for news in await venue.read_markets() if news.sym == "ETHUSDT")
            assert gone.closed.endswith("the exchange does not list it any more")
            assert venue.gone == {"ETHUSDT"}
            reader = AccountReader(venue, list(markets))
            for _ in range(2):
                read = await reader.read(venue.now_ms(), venue.now_ms() - 60_000, ["ETHUSDT"])
                assert ("ETHUSDT" in read.traded) is (place.exchange != "binance"), "only there by its name"
                assert {position.sym for position in read.shown.positions} == markets.keys()
            assert (await venue.quotes(list(markets))).keys() == markets.keys() - {"ETHUSDT"}
            assert await venue.read_modes() == {}
            await venue.balance()
        finally:
            await venue.close()


@pytest.mark.parametrize("place", [place for place in PLACES if place.exchange != "bybit"], ids=named)
async def test_a_market_in_maintenance_holds_up_no_other_at_the_start(place: Place) -> None:
    """Bybit lists only what is traded."""
    listings = {base: LISTED_AS[named(place)](base, D(100)) for base in ("BTC", "ETH")}
    async with serving(place.fake or place.exchange, listings=tuple(listings.values())) as fake:
        status = (SUSPENDED if place.kind == "swap" else SPOT_SUSPENDED)[place.exchange]
        fake.engine.set(f"status:{listings['ETH'].id}", status)
        markets, told = {f"{base}USDT": place.market_of(base) for base in listings}, said(place, status)
        venue = CcxtVenue(
            VenueOptions(place.exchange, markets, "live", 3, base_url=fake.url, throttled=False), place.keys
        )
        await venue.open()
        try:
            assert {one.sym: one.closed for one in venue.market_news()} == {
                "BTCUSDT": "",
                "ETHUSDT": f"{place.exchange} {place.market_of('ETH')}: the exchange does not trade it now{told}",
            }  # fmt: skip
            assert f"leverage:{listings['ETH'].id}" not in fake.engine.settings, "nothing is set in it"
        finally:
            await venue.close()


@pytest.mark.parametrize("place", [*ENDING, *SPOTS], ids=named)
async def test_a_least_that_changes_is_told(place: Place) -> None:
    async with trading(place) as pair:
        before, listing = pair.venue.rules(SYM), pair.fake.engine.listings[place.id]
        pair.fake.engine.listings[place.id] = listing._replace(min_qty=3 * listing.min_qty)
        was, now = plain(before.min_qty), plain(3 * before.min_qty)
        news = await news_of(pair)
        least = f"{place.exchange} {place.market}: the least quantity was {was} and is {now}"
        assert (news.changed, news.least) == ("", least)
        assert pair.venue.rules(SYM).min_qty == 3 * before.min_qty


@pytest.mark.parametrize("place", ENDING, ids=named)
async def test_a_delisting_is_seen_when_it_is_announced(place: Place) -> None:
    async with trading(place) as pair:
        pair.fake.engine.set(f"delivery:{place.id}", str(END_MS))
        assert (
            await news_of(pair)
        ).closed == f"{place.exchange} {place.market}: trading in it ends on 2026-11-18 08:26 UTC"


async def test_a_market_that_cannot_be_read_is_no_news_and_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no VenueError ends the session, which would take the account over again and again."""
    async with trading(BINANCE) as pair:
        monkeypatch.setattr(BinanceProfile, "ends_ms", lambda self, market: int("soon"))
        with pytest.raises(VenueError, match="binance: its markets cannot be read: ValueError"):
            await pair.venue.read_markets()


@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_another_step_holds_at_once_and_is_told(place: Place) -> None:
    async with trading(place) as pair:
        before, listing = pair.venue.rules(SYM).step, pair.fake.engine.listings[place.id]
        pair.fake.engine.listings[place.id] = listing._replace(step=listing.step * 10, min_qty=listing.step * 10)
        news, now = await news_of(pair), pair.venue.rules(SYM).step
        assert now == before * 10
        assert news.closed == ""
        assert (
            news.changed
            == f"{place.exchange} {place.market}: the quantity's step was {plain(before)} and is {plain(now)}"
        )
        assert (await news_of(pair)).changed == ""


async def test_another_size_of_the_contract_is_told() -> None:
    async with trading(OKX) as pair:
        listing = pair.fake.engine.listings[OKX.id]
        pair.fake.engine.listings[OKX.id] = listing._replace(contract_size=D("0.1"))
        assert "the contract's size was 0.01 and is 0.1" in (await news_of(pair)).changed
        assert pair.venue.rules(SYM).contract_size == D("0.1")


@pytest.mark.parametrize("place", SWAPS, ids=named)
async def test_leverage_and_modes_that_somebody_sets_are_seen(place: Place) -> None:
    async with trading(place) as pair:
        wanted = f"{place.exchange} {place.market}: {{}}; wanted one-way mode, isolated margin, leverage 3"
        pair.fake.engine.set(f"leverage:{place.id}", "20")
        assert await pair.venue.read_modes() == {SYM: wanted.format("one-way mode, isolated margin, leverage 20")}
        pair.fake.engine.set(f"leverage:{place.id}", "3")
        assert await pair.venue.read_modes() == {}
        if place is HYPERLIQUID:
            return  # there is no hedge mode
        pair.fake.engine.set(*(("mode", "long_short_mode") if place is OKX else ("dual", "true")))
        assert await pair.venue.read_modes() == {SYM: wanted.format("hedge mode, isolated margin, leverage 3")}


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        (BINANCE, "margin:BTCUSDT", "CROSSED"),
        (BYBIT, "marginMode", "REGULAR_MARGIN"),
        (HYPERLIQUID, "margin:BTC", "cross"),
    ],
    ids=named,
)
async def test_another_margin_mode_is_seen(place: Place, key: str, value: str) -> None:
    async with trading(place) as pair:
        pair.fake.engine.set(key, value)
        assert "one-way mode, cross margin, leverage 3; wanted" in (await pair.venue.read_modes())[SYM]


@pytest.mark.parametrize("place", SWAPS, ids=named)
@pytest.mark.parametrize("count", [1, 2, 30, 100])
@virtually()
async def test_modes_of_many_markets_are_read_in_a_few_questions(place: Place, count: int) -> None:
    made = in_process(place, count, throttled=False)
    await made.venue.open()
    last = made.listings[-1]
    made.engine.set(f"leverage:{last.id}", "7")
    most, rounds, seen = 0, 0, dict[str, str]()
    while not seen and rounds < (60 if place is HYPERLIQUID else 6):
        made.requests.clear()
        seen, rounds = await made.venue.read_modes(), rounds + 1
        most = max(most, len(made.requests))
    assert list(seen) == [f"{last.base}USDT"]
    assert most <= 22, "a question for the account, one for its margin, and twenty"
    made.engine.set(f"leverage:{last.id}", "1")
    made.requests.clear()
    assert {tuple(await made.venue.read_modes()) for _ in range(rounds)} >= {()}
    await made.venue.close()


@pytest.mark.parametrize("place", PLACES, ids=named)
@pytest.mark.parametrize("count", [1, 2, 30, 45])
@virtually()
async def test_orders_that_wait_are_asked_for_together(place: Place, count: int) -> None:
    made = in_process(place, count, throttled=False)
    await made.venue.open()
    made.requests.clear()
    assert await made.venue.waiting_orders() == []
    most = count if place is BINANCE and count <= 40 else 1
    assert len(made.requests) <= (7 if place.exchange == "okx" else most)
    for number, listing in enumerate(made.listings):
        size, limit = (D(-1), None) if place.kind == "swap" else (D(1), D(30))
        made.engine.place(NewOrder(listing.id, size, f"{number:032x}", limit=limit, trigger=D(40)), made.venue.now_ms())
    orders = [*await made.venue.all_open_orders(), *await made.venue.waiting_orders()]
    assert sorted((order.client_order_id, order.sym) for order in orders) == [
        (f"{number:032x}", sym) for number, sym in enumerate(made.syms)
    ]
    await made.venue.close()
