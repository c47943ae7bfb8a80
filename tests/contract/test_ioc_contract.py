"""An order with a limit, as IOC, through unmodified ccxt: filled within its limit, over at once, sent once, known.

What each exchange answers stands in the dialects, with its sources.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeGuard

import pytest

from services.simulator.engine.events import FillPlan, Lags
from services.simulator.engine.faults import USUAL, Fault, FaultMode
from shared.exchanges.hyperliquid.rows import EVER_LATE_MS
from shared.messages.reasons import OrderPhase, OrderType, Reason, TimeInForce
from shared.orders.answers import Absent, Ambiguous, OrderStatusReport, Refused
from tests.simulator_venues import (
    BINANCE,
    BINANCE_SPOT,
    BYBIT,
    BYBIT_SPOT,
    HYPERLIQUID,
    OKX,
    OKX_SPOT,
    SPOTS,
    SWAPS,
    SYM,
    Pair,
    Place,
    named,
    trading,
)

D = Decimal
QTY = D("0.010")
HOUR_MS = 3_600_000
ENDED = (OrderPhase.FILLED, OrderPhase.CANCELED)
TELLS_AT_ONCE = [BINANCE, BINANCE_SPOT]  # the others answer that they have taken the request
BY_TRADES = [OKX, OKX_SPOT, HYPERLIQUID]  # what was paid is not in an order's row


@pytest.fixture(params=SWAPS + SPOTS, ids=named)
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    async with trading(request.param) as made:
        yield made


@pytest.fixture(params=SWAPS, ids=named)
async def swap(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    async with trading(request.param) as made:
        yield made


@pytest.fixture(params=SPOTS, ids=named)
async def spot(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    async with trading(request.param) as made:
        yield made


async def found(pair: Pair, number: int = 1) -> OrderStatusReport | Absent | Ambiguous:
    return await pair.venue.find(SYM, f"{number:032x}")


async def known(pair: Pair, number: int = 1) -> OrderStatusReport:
    report = await found(pair, number)
    assert isinstance(report, OrderStatusReport), report
    return report


async def traded(pair: Pair, number: int = 1) -> Decimal:
    """Returns what the exchange shows of an order's trades now."""
    fills = await pair.venue.fills(SYM, pair.venue.now_ms() - 2 * HOUR_MS)
    (order,) = (one for one in pair.accepted if one.client_id == f"{number:032x}")
    mine = [fill for fill in fills if fill.venue_order_id == pair.place.order_id(order.id)]
    return sum((fill.signed_qty for fill in mine), D(0))


def plan(pair: Pair, monkeypatch: pytest.MonkeyPatch, made: FillPlan) -> None:
    monkeypatch.setattr(pair.fake.state.random_faults, "ioc_plan", lambda client_id: made)


def lag(pair: Pair, monkeypatch: pytest.MonkeyPatch, made: Lags) -> None:
    monkeypatch.setattr(pair.fake.state.random_faults, "lags", lambda client_id: made)


def pay(pair: Pair, currency: str, amount: Decimal) -> None:
    pair.fake.engine.pay("TRANSFER", "", currency, amount, pair.fake.state.now_ms())


def order_sent(pair: Pair) -> dict[str, Any]:
    """Returns the fields of the one order that went over the wire."""
    (asked,) = (one for one in pair.fake.server.requests if one.method == "POST" and pair.place.orders in one.target)
    if pair.place == HYPERLIQUID:
        (order,) = asked.content["action"]["orders"]
        return {"price": order["p"], "timeInForce": order["t"]["limit"]["tif"].upper()}
    fields: dict[str, Any] = asked.form if pair.place.exchange == "binance" else json.loads(asked.body)
    return fields


async def test_what_is_there_within_the_limit_is_taken(pair: Pair) -> None:
    ask, limit = pair.best.ask, pair.best.ask + 5 * pair.listing.tick
    answer = await pair.venue.place(pair.ioc("0.010", limit))
    report = await known(pair)
    (order,) = pair.accepted
    assert report == OrderStatusReport(OrderPhase.FILLED, QTY, QTY * ask, pair.place.order_id(order.id))
    assert answer == (
        report if pair.place in TELLS_AT_ONCE else OrderStatusReport(OrderPhase.NEW, D(0), D(0), report[3])
    )
    assert (order.limit, order.ioc, pair.sent, await traded(pair)) == (limit, True, 1, QTY)


async def test_the_wire_has_our_very_limit_and_that_it_may_not_rest(pair: Pair) -> None:
    limit = pair.best.ask + 7 * pair.listing.tick
    await pair.venue.place(pair.ioc("0.010", limit))
    sent = order_sent(pair)
    if pair.place.exchange == "okx":
        assert (D(sent["px"]), sent["ordType"]) == (limit, "ioc")
    else:
        assert (D(sent["price"]), sent["timeInForce"]) == (limit, "IOC")
    assert not {"marketUnit", "quoteOrderQty"} & set(sent)


@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
async def test_what_misses_is_canceled_with_nothing_filled(swap: Pair, side: int) -> None:
    tick = swap.listing.tick
    limit = swap.best.ask - tick if side > 0 else swap.best.bid + tick
    answer = await swap.venue.place(swap.ioc(str(side * QTY), limit))
    (order,) = swap.accepted
    missed = OrderStatusReport(OrderPhase.CANCELED, D(0), D(0), swap.place.order_id(order.id))
    if swap.place == HYPERLIQUID:  # told by a text, without a number
        assert answer == missed._replace(venue_order_id="", traded_qty=D(0))
    else:
        assert answer == (missed if swap.place in TELLS_AT_ONCE else missed._replace(phase=OrderPhase.NEW))
    assert await found(swap) == missed._replace(traded_qty=D(0))
    assert (await traded(swap), await swap.venue.open_orders(SYM)) == (0, [])
    assert [held.signed_qty for held in await swap.venue.positions()] == [0]


async def test_on_spot_it_misses_alike(spot: Pair) -> None:
    await spot.venue.place(spot.ioc("0.010", spot.best.ask - spot.listing.tick))
    report = await known(spot)
    assert (report.phase, report.filled_qty, report.paid, report.traded_qty) == (OrderPhase.CANCELED, 0, 0, 0)


async def test_a_part_is_canceled_with_what_was_filled(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    plan(pair, monkeypatch, FillPlan(2, 0, D("0.5")))
    ask, tick = pair.best.ask, pair.listing.tick
    await pair.venue.place(pair.ioc("0.010", ask + 5 * tick))
    report = await known(pair)
    assert (report.phase, report.filled_qty, report.traded_qty) == (OrderPhase.CANCELED, D("0.005"), D("0.005"))
    first, second = (fill.qty for fill in pair.fake.engine.fills)
    assert report.paid == first * ask + second * (ask + tick)
    assert await traded(pair) == report.filled_qty


async def test_the_book_is_taken_up_to_the_limit_and_no_further(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    plan(pair, monkeypatch, FillPlan(4))  # each part a tick worse
    limit = pair.best.ask + pair.listing.tick
    await pair.venue.place(pair.ioc("0.008", limit))
    report = await known(pair)
    assert (report.phase, report.filled_qty) == (OrderPhase.CANCELED, D("0.004"))
    assert max(fill.price for fill in pair.fake.engine.fills) == limit


async def test_a_close_may_have_a_limit_too(swap: Pair) -> None:
    await swap.venue.place(swap.request("0.010"))
    limit = swap.best.bid - 3 * swap.listing.tick
    await swap.venue.place(swap.ioc("-0.020", limit, 2, reduce_only=True))
    assert [held.signed_qty for held in await swap.venue.positions()] == [0]


async def test_a_row_may_come_late(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    lag(pair, monkeypatch, Lags(HOUR_MS, HOUR_MS))
    await pair.venue.place(pair.ioc("0.010", pair.best.ask - pair.listing.tick))
    assert isinstance(await found(pair), Absent)
    pair.fake.state.skew_ms = HOUR_MS
    await pair.venue.server_time_ms()
    assert (await known(pair)).phase is OrderPhase.CANCELED


async def test_a_row_may_show_it_open_for_a_while(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    lag(pair, monkeypatch, Lags(end_ms=HOUR_MS))
    await pair.venue.place(pair.ioc("0.010", pair.best.ask))
    report = await known(pair)
    if pair.place == HYPERLIQUID:  # its fills are all of it
        assert (report.phase, report.filled_qty) == (OrderPhase.FILLED, QTY)
    else:
        assert (report.phase, report.filled_qty) == (OrderPhase.NEW, 0)
    assert [order.client_order_id for order in await pair.venue.open_orders(SYM)] == [f"{1:032x}"]
    pair.fake.state.skew_ms = HOUR_MS
    await pair.venue.server_time_ms()
    assert (await known(pair)).phase is OrderPhase.FILLED
    assert await pair.venue.open_orders(SYM) == []


async def test_trades_may_come_after_the_row_that_counts_them(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """So an end short of the quantity is believed by its trades only."""
    plan(pair, monkeypatch, FillPlan(share=D("0.5")))
    lag(pair, monkeypatch, Lags(trades_ms=HOUR_MS))
    await pair.venue.place(pair.ioc("0.010", pair.best.ask))
    report = await found(pair)
    if pair.place in BY_TRADES:
        assert isinstance(report, Ambiguous)
    else:
        assert isinstance(report, OrderStatusReport)
        assert (report.phase, report.filled_qty, report.traded_qty) == (OrderPhase.CANCELED, D("0.005"), 0)
    assert await traded(pair) == 0
    pair.fake.state.skew_ms = HOUR_MS
    await pair.venue.server_time_ms()
    report = await known(pair)
    assert await traded(pair) == report.filled_qty == report.traded_qty == D("0.005")


@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
async def test_only_binances_spot_answers_with_the_fills(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, side: int
) -> None:
    pay(pair, "BTC", D(1))
    plan(pair, monkeypatch, FillPlan(2, share=D("0.5")))
    far = pair.best.mid + side * 20 * pair.listing.tick
    answer = await pair.venue.place(pair.ioc(str(side * QTY), far))
    assert isinstance(answer, OrderStatusReport)
    assert answer.traded_qty == (side * D("0.005") if pair.place == BINANCE_SPOT else None)


async def test_what_was_filled_in_full_needs_no_question_about_its_trades(swap: Pair) -> None:
    await swap.venue.place(swap.ioc("0.010", swap.best.ask))
    swap.fake.server.requests.clear()
    assert (await known(swap)).traded_qty is None
    asked = [request.path for request in swap.fake.server.requests]
    assert len(asked) == (2 if swap.place in BY_TRADES else 1)


def over(report: OrderStatusReport | Absent | Ambiguous) -> TypeGuard[OrderStatusReport]:
    """Says whether row and trades tell of the same end."""
    if not isinstance(report, OrderStatusReport) or report.phase not in ENDED:
        return False
    return report.phase is OrderPhase.FILLED or report.traded_qty == report.filled_qty


@pytest.mark.parametrize("place", SWAPS + SPOTS, ids=named)
async def test_in_the_usual_weather_each_is_over_soon_and_within_its_limit(place: Place) -> None:
    async with trading(place, USUAL) as pair:
        pay(pair, "BTC", D(1))  # so that spot may sell
        phases = set()
        for number in range(30):
            side = 1 if number % 2 == 0 else -1
            limit = pair.best.ask + pair.listing.tick if side > 0 else pair.best.bid - pair.listing.tick
            assert isinstance(await pair.venue.place(pair.ioc(str(side * QTY), limit, number)), OrderStatusReport)

            report = await found(pair, number)
            if not over(report):
                pair.fake.state.skew_ms += pair.fake.state.random_faults.rows_ms  # whatever is late is there by then
                await pair.venue.server_time_ms()
                report = await known(pair, number)
            assert over(report), "row and trades tell of the same end"
            (order,) = (one for one in pair.fake.engine.orders() if one.client_id == f"{number:032x}")
            assert (report.filled_qty, order.limit) == (order.filled, limit)
            assert all(side * fill.price <= side * limit for fill in pair.fake.engine.fills_of(order))
            phases.add(report.phase)
        assert (pair.sent, phases) == (30, set(ENDED))


@pytest.mark.parametrize(("place", "after_ms"), [(OKX, 2 * HOUR_MS), (OKX_SPOT, 2 * HOUR_MS), (BINANCE, 72 * HOUR_MS)])
async def test_what_came_to_nothing_is_forgotten_after_a_while_and_what_was_filled_is_not(
    place: Place, after_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trading(place) as pair:
        await pair.venue.place(pair.ioc("0.010", pair.best.ask - pair.listing.tick))
        plan(pair, monkeypatch, FillPlan(share=D("0.5")))
        await pair.venue.place(pair.ioc("0.010", pair.best.ask, 2))
        assert (await known(pair)).phase is OrderPhase.CANCELED
        pair.fake.state.skew_ms = after_ms + 1000
        await pair.venue.server_time_ms()
        assert isinstance(await found(pair), Absent)
        assert (await known(pair, 2)).filled_qty == D("0.005")


NOBODY_KNOWS = [Fault(FaultMode.DROP), Fault(FaultMode.DROP, after=True), Fault(FaultMode.STATUS, after=True)]


@pytest.mark.parametrize("number", range(len(NOBODY_KNOWS)))
@pytest.mark.parametrize("misses", [True, False], ids=["misses", "fills"])
async def test_one_whose_answer_is_lost_is_asked_for_and_never_sent_again(
    swap: Pair, misses: bool, number: int
) -> None:
    fault = NOBODY_KNOWS[number]
    swap.fake.server.faults.append(replace(fault, path="/order", method="POST"))
    limit = swap.best.ask - swap.listing.tick if misses else swap.best.ask
    assert isinstance(await swap.venue.place(swap.ioc("0.010", limit)), Ambiguous)
    if not fault.after:
        assert isinstance(await found(swap), Absent)
    else:
        if swap.place == HYPERLIQUID and misses:  # no word of an end says that nothing was filled: time does
            assert isinstance(await found(swap), Ambiguous)
            swap.fake.state.skew_ms = EVER_LATE_MS
            await swap.venue.server_time_ms()
        assert (await known(swap)).phase is (OrderPhase.CANCELED if misses else OrderPhase.FILLED)
    assert (swap.sent, len(swap.accepted)) == (1, int(fault.after))


@pytest.mark.parametrize("off", ["0.0000001", "1.5"])
async def test_a_limit_that_is_no_price_of_the_market_is_not_sent(pair: Pair, off: str) -> None:
    answer = await pair.venue.place(pair.ioc("0.010", pair.best.ask + D(off) * pair.listing.tick))
    assert isinstance(answer, Refused) and answer.reason is Reason.NOT_SENT
    assert (pair.sent, pair.accepted) == (0, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"time_in_force": TimeInForce.GTC},
        {"time_in_force": None},
        {"limit_price": None},
        {"limit_price": D(0)},
        {"limit_price": D(-1)},
        {"trigger_price": D(41000)},
        {"type": OrderType.MARKET},
        {"type": OrderType.MARKET, "limit_price": None},
    ],
    ids=str,
)
async def test_what_would_rest_or_makes_no_sense_is_not_sent(changes: dict[str, Any]) -> None:
    async with trading(BINANCE) as pair:
        answer = await pair.venue.place(pair.ioc("0.010", pair.best.ask)._replace(**changes))
        assert isinstance(answer, Refused) and answer.reason is Reason.NOT_SENT
        assert (pair.sent, pair.accepted) == (0, [])


@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
async def test_a_limit_that_the_exchange_finds_too_far_is_refused_by_name(pair: Pair, side: int) -> None:
    pair.fake.engine.set("limit_px", "reject")  # Bybit's contracts, where the account is set so
    pay(pair, "BTC", D(1))
    pay(pair, pair.place.quote, D(1_000_000))
    band, tick = pair.fake.state.band(pair.place.id), pair.listing.tick
    limit = band.highest + tick if side > 0 else band.lowest - tick
    answer = await pair.venue.place(pair.ioc(str(side * QTY), limit))
    assert isinstance(answer, Refused) and answer.reason is Reason.VENUE_REFUSED
    assert (pair.sent, pair.accepted) == (1, [])
    assert isinstance(await found(pair), Absent)
    next_price = await pair.venue.place(pair.ioc(str(side * QTY), limit - side * tick, 2))
    assert isinstance(next_price, OrderStatusReport)


async def test_bybit_moves_a_contracts_limit_to_the_nearest_that_is_allowed() -> None:
    async with trading(BYBIT) as pair:
        highest = pair.fake.state.band(pair.place.id).highest
        await pair.venue.place(pair.ioc("0.010", highest + 100))
        (order,) = pair.accepted
        assert (order.limit, (await known(pair)).filled_qty) == (highest, QTY)


async def test_on_spot_a_buys_money_is_reckoned_at_the_limit(spot: Pair) -> None:
    ask, tick = spot.best.ask, spot.listing.tick
    pay(spot, "USDT", QTY * (ask + tick) - spot.fake.engine.wallet.cash["USDT"])
    poor = await spot.venue.place(spot.ioc("0.010", ask + 2 * tick))
    assert isinstance(poor, Refused) and poor.reason is Reason.NO_MARGIN
    assert isinstance(await spot.venue.place(spot.ioc("0.010", ask + tick, 2)), OrderStatusReport)


@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
async def test_of_a_swap_the_margin_is_reckoned_at_the_limit(swap: Pair, side: int) -> None:
    engine, best = swap.fake.engine, swap.best
    needed = QTY * best.ask / engine.leverage(swap.place.id) * D("1.01")
    pay(swap, swap.place.quote, needed - engine.wallet.cash[swap.place.quote])
    far = best.mid + side * best.mid * D("0.009") // swap.listing.tick * swap.listing.tick
    poor = await swap.venue.place(swap.ioc(str(side * QTY), far))
    assert isinstance(poor, Refused) and poor.reason is Reason.NO_MARGIN
    near = best.ask if side > 0 else best.bid
    assert isinstance(await swap.venue.place(swap.ioc(str(side * QTY), near, 2)), OrderStatusReport)


@pytest.mark.parametrize("place", [BINANCE, BINANCE_SPOT, BYBIT, BYBIT_SPOT], ids=named)
async def test_a_sales_least_value_is_that_at_its_limit(place: Place) -> None:
    async with trading(place) as pair:
        pay(pair, "BTC", D(1))
        bid = pair.best.bid
        pair.fake.engine.listings[place.id] = pair.listing._replace(min_notional=QTY * bid)
        small = await pair.venue.place(pair.ioc("-0.010", bid - pair.listing.tick))
        assert isinstance(small, Refused) and small.reason is Reason.BELOW_MINIMUM
        assert isinstance(await pair.venue.place(pair.ioc("-0.010", bid, 2)), OrderStatusReport)


async def test_okx_says_why_it_is_over() -> None:
    async with trading(OKX) as pair:
        await pair.venue.place(pair.ioc("0.010", pair.best.ask - pair.listing.tick))
        row = await pair.venue._client.fetch_order("", pair.place.market, {"clOrdId": f"{1:032x}"})
        assert (row["info"]["state"], row["info"]["ordType"], row["info"]["cancelSource"]) == ("canceled", "ioc", "14")
