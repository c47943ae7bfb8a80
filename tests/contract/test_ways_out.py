"""What a way out asks of a venue, on each of them: every kind of order is seen and cancelled, every position closed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from services.gateway.account.resting import Resting
from services.simulator.engine.events import LIVE, NewOrder
from shared.errors import SafetyRefusal
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from shared.messages.reasons import StopKind
from shared.orders import OrderStatusReport
from shared.orders.state import OrderRequest
from shared.orders.stops import StopReport, StopRequest
from tests.simulator_venues import (
    BINANCE,
    BYBIT,
    BYBIT_SPOT,
    HYPERLIQUID,
    KEYS,
    OKX,
    OKX_SPOT,
    SPOTS,
    SWAPS,
    SYM,
    Pair,
    Place,
    named,
    options,
    trading,
)

D = Decimal
KINDS = ("conditional", "oco", "trigger", "move_order_stop", "iceberg", "twap")
HEDGED = {"binance": ("dual", "true"), "bybit": ("dual", "true"), "okx": ("mode", "long_short_mode")}
LONG_ROW = {"binance": "LONG", "bybit": "LONG", "okx": "LONG ISOLATED"}
SHORT_ROW = {"binance": "SHORT", "bybit": "SHORT", "okx": "SHORT ISOLATED"}


@pytest.fixture
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    async with trading(request.param) as made:
        yield made


def waits(pair: Pair, number: int, **changes: object) -> str:
    """Somebody's order that waits for a lower price; its client id."""
    client_id = f"{number:032x}"
    ask = NewOrder(pair.place.id, D("-0.010"), client_id, trigger=D(30_000), **changes)  # type: ignore[arg-type]
    if pair.place.kind == "spot":
        ask = ask._replace(signed_qty=D("0.010"), limit=D(29_000))
    pair.fake.engine.place(ask, pair.fake.state.now_ms())
    return client_id


def rests(pair: Pair, number: int) -> str:
    client_id = f"{number:032x}"
    pair.fake.engine.place(NewOrder(pair.place.id, D("0.010"), client_id, limit=D(40_000)), pair.fake.state.now_ms())
    return client_id


@pytest.mark.parametrize("pair", [*SWAPS, *SPOTS], indirect=True, ids=named)
async def test_orders_that_wait_are_shown_and_cancelled_with_those_that_rest(pair: Pair) -> None:
    for number in range(12):  # more than one request cancels
        waits(pair, number)
    there = {f"{number:032x}" for number in range(12)} | {rests(pair, 12)}
    shown = [*await pair.venue.open_orders(SYM), *await pair.venue.waiting_orders()]
    assert {order.client_order_id for order in shown} == there
    assert len(shown) == 13, "each once"
    assert shown == [*await pair.venue.open_orders(SYM), *await pair.venue.waiting_orders([SYM])]
    await pair.venue.cancel_all(SYM)
    assert not [order for order in pair.fake.engine.orders() if order.state in LIVE]
    await pair.venue.cancel_all(SYM)
    assert await pair.venue.waiting_orders() == []


@pytest.mark.parametrize("pair", SWAPS, indirect=True, ids=named)
async def test_one_that_fired_and_rests_is_an_open_order_and_waits_no_more(pair: Pair) -> None:
    """At Binance and OKX it is another one by then, with another id."""
    client_id = waits(pair, 1, limit=D(45_000))
    (before,) = [
        *await pair.venue.waiting_orders(),
        *await pair.venue.open_orders(SYM),
    ]  # or both are there
    pair.fake.engine.prices.set(pair.place.id, D(29_000))
    (resting,) = await pair.venue.open_orders(SYM)
    assert await pair.venue.waiting_orders() == []
    assert (resting.report.venue_order_id == before.report.venue_order_id) == (pair.place in (BYBIT, HYPERLIQUID))
    assert resting.client_order_id == ("" if pair.place is OKX else client_id)
    await pair.venue.cancel_all(SYM)
    assert await pair.venue.open_orders(SYM) == []
    assert not [order for order in pair.fake.engine.orders() if order.state in LIVE]


@pytest.mark.parametrize("pair", [OKX, OKX_SPOT], indirect=True, ids=named)
async def test_every_kind_that_okx_knows(pair: Pair) -> None:
    kinds = (*KINDS, "chase") if pair.place is OKX else KINDS
    for number, kind in enumerate(kinds):
        pair.fake.engine.set(f"algo:{waits(pair, number)}", kind)
    assert len(await pair.venue.waiting_orders()) == len(kinds)
    await pair.venue.cancel_all(SYM)
    assert pair.fake.engine.waiting_orders() == []


@pytest.mark.parametrize("pair", [BYBIT_SPOT], indirect=True, ids=named)
async def test_every_kind_that_bybits_spot_knows(pair: Pair) -> None:
    """P: https://bybit-exchange.github.io/docs/v5/order/cancel-all: each is cancelled by its own name only."""
    for number, kind in enumerate(("StopOrder", "tpslOrder", "OcoOrder", "BidirectionalTpslOrder")):
        pair.fake.engine.set(f"filter:{waits(pair, number)}", kind)
    await pair.venue.cancel_all(SYM)
    assert pair.fake.engine.waiting_orders() == []


@pytest.mark.parametrize("pair", [OKX], indirect=True, ids=named)
async def test_more_than_a_page_of_them(pair: Pair) -> None:
    for number in range(205):
        waits(pair, number)
    assert len({order.client_order_id for order in await pair.venue.waiting_orders()}) == 205


@pytest.mark.parametrize("pair", [BINANCE, OKX, BYBIT], indirect=True, ids=named)
async def test_each_side_of_a_hedge_is_closed_as_what_it_is(pair: Pair) -> None:
    pair.fake.engine.set(*HEDGED[pair.place.exchange])
    now_ms, wallet = pair.fake.state.now_ms(), pair.fake.engine.wallet
    for leg, size in (("LONG", "0.030"), ("SHORT", "-0.010")):
        pair.fake.engine.place(NewOrder(pair.place.id, D(size), leg=leg), now_ms)
    rows = {row.row: row.signed_qty for row in await pair.venue.positions()}
    assert rows == {LONG_ROW[pair.place.exchange]: D("0.030"), SHORT_ROW[pair.place.exchange]: D("-0.010")}
    for number, (row, held) in enumerate(rows.items()):
        request = OrderRequest(SYM, f"{number:032x}", -held, True, pair.venue.now_ms(), 5_000, row)
        assert isinstance(await pair.venue.place(request), OrderStatusReport)
    assert [wallet.holding(pair.place.id, leg=leg).qty for leg in ("", "LONG", "SHORT")] == [0, 0, 0]
    assert [row.row for row in await pair.venue.positions()] == [""], "flat"


@pytest.mark.parametrize("pair", [OKX], indirect=True, ids=named)
async def test_cross_beside_isolated_is_closed_by_itself(pair: Pair) -> None:
    now_ms, wallet = pair.fake.state.now_ms(), pair.fake.engine.wallet
    for leg, size in (("", "0.030"), ("CROSS", "-0.020")):
        pair.fake.engine.place(NewOrder(pair.place.id, D(size), leg=leg), now_ms)
    assert {row.row: row.signed_qty for row in await pair.venue.positions()} == {
        "": D("0.030"),
        "NET CROSS": D("-0.020"),
    }
    closing = OrderRequest(SYM, "f" * 32, D("0.050"), True, pair.venue.now_ms(), 5_000, "NET CROSS")  # and no more
    assert isinstance(await pair.venue.place(closing), OrderStatusReport)
    assert [wallet.holding(pair.place.id, leg=leg).qty for leg in ("", "CROSS")] == [D("0.030"), 0]


async def test_a_position_keeps_its_stops_and_somebodys_conditional_orders_are_cancelled() -> None:
    """At Bybit, where both are listed among the orders, and one call without a kind cancels all of them."""
    async with trading(BYBIT) as pair:
        now_ms, stops = pair.fake.state.now_ms, pair.fake.engine.stops
        pair.fake.engine.place(NewOrder(pair.place.id, D("0.010")), now_ms())
        for kind, price in ((StopKind.STOP, D(30_000)), (StopKind.TAKE_PROFIT, D(60_000))):
            stop = StopRequest(
                SYM, f"{price:032}", kind, D("0.010"), price, at_ms=pair.venue.now_ms(), validity_ms=5_000
            )
            assert isinstance(await pair.venue.stops.place(stop), StopReport)
        for seen in (True, False):
            waits(pair, 2 * seen)
            rests(pair, 2 * seen + 1)
            shown = await pair.venue.all_open_orders()
            assert sorted((one.waits, one.of_position) for one in shown) == [
                (False, False), (True, False), (True, True), (True, True)
            ]  # fmt: skip
            await pair.venue.cancel_all(SYM, shown if seen else None)
            assert not [order for order in pair.fake.engine.orders() if order.state in LIVE]
            assert len(stops.waiting()) == 2
        resting = Resting(pair.venue, [SYM], lambda text: None)
        assert await resting.cancel() == "", "nothing is there that it cancels"
        assert len(stops.waiting()) == 2


@pytest.mark.parametrize("place", [BINANCE, HYPERLIQUID], ids=named)
async def test_one_call_cancels_what_waits(place: Place) -> None:
    async with trading(place) as pair:
        for number in range(30):
            waits(pair, number)
        pair.fake.server.requests.clear()
        await pair.venue.cancel_all(SYM)
        assert len(pair.fake.server.requests) <= 2


async def test_a_position_beside_the_one_that_is_traded_is_refused_at_open() -> None:
    async with trading(OKX) as pair:
        pair.fake.engine.place(NewOrder(pair.place.id, D("0.030"), leg="CROSS"), pair.fake.state.now_ms())
        again = CcxtVenue(options(OKX, pair.fake.url), KEYS)
        with pytest.raises(SafetyRefusal, match=r"BTC/USDT:USDT: there is a position NET CROSS.*halt --flatten"):
            await again.open()


async def test_a_symbol_without_a_market_holds_up_no_way_out_of_another() -> None:
    async with trading(BINANCE) as pair:
        markets = {SYM: BINANCE.market, "GONE": "GONE/USDT:USDT"}
        way_out = CcxtVenue(replace(options(BINANCE, pair.fake.url), markets=markets), KEYS)
        await way_out.open(only_out=True)
        assert list(way_out.out_of_reach) == ["GONE"]
        assert "binance has no such market" in way_out.out_of_reach["GONE"]
        assert [position.sym for position in await way_out.positions()] == [SYM]
        await way_out.close()
