"""What every venue keeps, shown over the fakes through unmodified ccxt: an order is sent once, and known always."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any

import pytest
from pydantic import SecretStr

from services.simulator.engine.events import FillPlan, NewOrder, State
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.simulator import serving
from shared.errors import ConfigError, SafetyRefusal, TicklineError, VenueError
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from shared.exchanges.trading.client import NotCleared
from shared.exchanges.trading.venue import NoPrice
from shared.messages.reasons import OrderPhase, Reason
from shared.orders.answers import Absent, Ambiguous, Forced, OrderStatusReport, Refused, VenueQuote
from tests.simulator_venues import (
    BINANCE,
    BINANCE_SPOT,
    BYBIT,
    HYPERLIQUID,
    KEYS,
    OKX,
    OKX_SPOT,
    OWNER_KEYS,
    SPOTS,
    SWAPS,
    SYM,
    Pair,
    Place,
    named,
    options,
    trading,
)
from tests.until import until

QTY = Decimal("0.010")
connected: list[str] = []


@pytest.fixture(autouse=True, scope="module")
def _only_this_machine() -> Iterator[None]:
    def seen(event: str, details: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(details[1], tuple):
            connected.append(details[1][0])

    sys.addaudithook(seen)
    yield
    assert set(connected) == {"127.0.0.1"}


@pytest.fixture(params=SWAPS + SPOTS, ids=named)
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    async with trading(request.param) as made:
        yield made


@pytest.fixture(params=SWAPS, ids=named)
async def swap(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    async with trading(request.param) as made:
        yield made


async def found(pair: Pair, number: int = 1) -> OrderStatusReport | Absent | Ambiguous:
    return await pair.venue.find(SYM, f"{number:032x}")


async def test_an_order_is_on_the_venues_own_book_once_and_known_to_the_last_digit(pair: Pair) -> None:
    answer = await pair.venue.place(pair.request(str(QTY)))
    assert isinstance(answer, OrderStatusReport)
    (order,) = pair.accepted
    assert (order.client_id, order.signed_qty, order.sym, pair.sent) == (f"{1:032x}", QTY, pair.place.id, 1)
    id_ = pair.place.order_id(order.id)
    known = OrderStatusReport(OrderPhase.FILLED, QTY, pair.fake.engine.fills[0].price * QTY, id_)
    assert await found(pair) == known
    (fill,) = await pair.venue.fills(SYM, pair.venue.now_ms() - 60_000)
    theirs = pair.fake.engine.fills[0]
    assert (fill.trade_id, fill.venue_order_id, fill.signed_qty, fill.price, fill.fee, fill.fee_currency) == (
        pair.place.trade_id(theirs.id), id_, theirs.qty, theirs.price, theirs.fee, theirs.fee_currency,
    )  # fmt: skip


async def test_an_order_that_was_cancelled_in_part_is_canceled_with_what_was_filled(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = FillPlan(2, 3_600_000)
    monkeypatch.setattr(pair.fake.state.random_faults, "plan", lambda client_id: plan)
    if pair.place is HYPERLIQUID:  # whose market orders are over at once
        pair.fake.engine.place(NewOrder(pair.place.id, QTY, f"{1:032x}"), pair.fake.state.now_ms(), plan)
    else:
        await pair.venue.place(pair.request("0.010"))
    (order,) = pair.fake.engine.open_orders()
    pair.fake.engine.cancel(order, pair.fake.state.now_ms())
    known = await found(pair)
    assert isinstance(known, OrderStatusReport)
    assert (known.phase, known.filled_qty) == (OrderPhase.CANCELED, order.filled)
    assert 0 < order.filled < QTY


async def test_the_price_of_a_currency_is_between_bid_and_ask(pair: Pair) -> None:
    quote = pair.fake.engine.prices.quote(pair.place.id, pair.venue.now_ms())
    currency = pair.place.quote
    assert await pair.venue.price("BTC", currency) == quote.mid
    with pytest.raises(VenueError, match=f"no market DOGE/{currency} is loaded: DOGE has no price"):
        await pair.venue.price("DOGE", currency)


@pytest.mark.parametrize("pair", [BINANCE], indirect=True, ids=named)
@pytest.mark.parametrize(("bid", "ask"), [(0, 0), (0, 9), (9, 0)])
async def test_a_currency_that_one_side_only_tells_has_no_price_now(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, bid: int, ask: int
) -> None:
    """At half of one side, or at nothing, a fee that was paid in it would be booked for good."""

    async def one_sided(sym: str, _: str) -> VenueQuote:
        return VenueQuote(sym, Decimal(bid), Decimal(ask), 0)

    monkeypatch.setattr(pair.venue._markets, "quote", one_sided)
    with pytest.raises(VenueError, match="has no two sides now") as refused:
        await pair.venue.price("BTC", pair.place.quote)
    assert not isinstance(refused.value, NoPrice), "it is asked again"


async def test_positions_and_balance_are_the_venues(pair: Pair) -> None:
    await pair.venue.place(pair.request("0.010"))
    await pair.venue.place(pair.request("-0.004", 2))
    (held,) = await pair.venue.positions()
    cash = pair.fake.engine.wallet.cash
    if pair.place in SPOTS:
        assert (held.signed_qty, held.entry_price) == (cash["BTC"], None)  # what was bought, less the fee in coins
        assert cash["BTC"] == Decimal("0.006") - Decimal("0.010") * pair.fake.engine.fee
        assert await pair.venue.balance() == (cash[pair.place.quote], {SYM: cash["BTC"]})
    else:
        mark = pair.fake.engine.prices.quote(pair.place.id, 0).mid
        holding = pair.fake.engine.wallet.holding(pair.place.id)
        assert (held.signed_qty, held.entry_price) == (Decimal("0.006"), holding.entry)
        assert await pair.venue.balance() == (cash[pair.place.quote] + holding.qty * (mark - holding.entry), {})


async def test_what_a_position_can_lose_is_its_margin_and_its_profit_by_liquidation(swap: Pair) -> None:
    await swap.venue.place(swap.request("-0.010"))
    swap.fake.engine.prices.set(swap.place.id, Decimal("41000.0"))
    entry = swap.fake.engine.wallet.holding(swap.place.id).entry
    (held,) = await swap.venue.positions()
    assert held.at_stake is not None and held.liquidation is not None
    mark = swap.fake.engine.prices.quote(swap.place.id, 0).mid
    assert abs(held.at_stake - Decimal("0.010") * (entry / 3 + entry - mark)) < 15  # less what liquidation leaves
    assert abs(held.liquidation - entry * 4 / 3) < 1


async def test_a_short_position_is_negative_and_a_flat_one_is_told_too(swap: Pair) -> None:
    assert [(held.sym, held.signed_qty) for held in await swap.venue.positions()] == [(SYM, 0)]
    await swap.venue.place(swap.request("-0.010"))
    assert [held.signed_qty for held in await swap.venue.positions()] == [Decimal("-0.010")]


async def test_the_request_carries_our_own_time_and_validity(swap: Pair) -> None:
    request = swap.request("0.010", validity_ms=4321)._replace(at_ms=swap.venue.now_ms() - 777)
    await swap.venue.place(request)
    (order,) = swap.accepted
    assert (order.stamp_ms, order.validity_ms) == (request.at_ms, 4321)


async def test_a_read_beside_an_order_carries_its_own_time() -> None:
    async with trading(BINANCE) as pair:
        pair.fake.server.faults.append(Fault(FaultMode.HOLD, "/order", method="POST"))
        request = pair.request("0.010")._replace(at_ms=pair.venue.now_ms() - 2000)
        placing = asyncio.create_task(pair.venue.place(request))
        await pair.fake.server.wait_for("/order", 1)
        await pair.venue.open_orders(SYM)
        pair.fake.server.faults[0].release.set()
        assert isinstance(await placing, OrderStatusReport)
        order, read = pair.fake.server.requests
        assert order.form["timestamp"] == str(request.at_ms)
        assert int(read.form["timestamp"]) > request.at_ms + 1000
        assert read.form["recvWindow"] != order.form["recvWindow"]


async def test_what_the_venue_gets_too_late_is_refused_by_it(swap: Pair) -> None:
    swap.fake.state.skew_ms = 40_000  # its clock has moved on since we asked
    answer = await swap.venue.place(swap.request("0.010"))
    assert isinstance(answer, Refused) and answer.reason is Reason.REQUEST_EXPIRED
    assert (swap.sent, swap.accepted) == (1, [])


async def test_nothing_is_written_before_the_order_is_cleared(pair: Pair) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def cleared() -> None:
        asked.set()
        await go.wait()

    placing = asyncio.create_task(pair.venue.place(pair.request(str(QTY)), cleared))
    await asked.wait()
    await pair.venue.open_orders(SYM)  # time for whatever would go out
    assert (pair.sent, pair.accepted) == (0, [])
    go.set()
    assert isinstance(await placing, OrderStatusReport)
    assert (pair.sent, len(pair.accepted)) == (1, 1)


async def test_what_is_not_cleared_is_not_sent(pair: Pair) -> None:
    async def cleared() -> None:
        raise NotCleared("the lease is over")

    answer = await pair.venue.place(pair.request(str(QTY)), cleared)
    assert answer == Ambiguous("not sent: the lease is over")
    assert (pair.sent, pair.accepted) == (0, [])


async def test_what_is_cleared_too_late_is_not_sent(pair: Pair) -> None:
    request = pair.request(str(QTY), validity_ms=200)

    async def cleared() -> None:
        await until(lambda: pair.venue.now_ms() >= request.valid_until_ms)

    answer = await pair.venue.place(request, cleared)
    assert isinstance(answer, Refused) and answer.reason is Reason.REQUEST_EXPIRED
    assert (pair.sent, pair.accepted) == (0, [])


async def test_what_is_too_late_here_is_not_sent(pair: Pair) -> None:
    answer = await pair.venue.place(pair.request("0.010")._replace(at_ms=pair.venue.now_ms() - 5001))
    assert isinstance(answer, Refused) and answer.reason is Reason.REQUEST_EXPIRED
    assert (pair.sent, pair.accepted) == (0, [])


async def test_a_clock_that_is_apart_is_measured(swap: Pair) -> None:
    swap.fake.state.skew_ms = -50_000
    await swap.venue.server_time_ms()
    assert abs(swap.venue.now_ms() - swap.fake.state.now_ms()) < 1000
    assert isinstance(await swap.venue.place(swap.request("0.010")), OrderStatusReport)
    await swap.venue.balance()


async def test_a_time_that_was_asked_in_vain_moves_no_clock() -> None:
    async with trading(BINANCE, timeout_s=1.0) as pair:
        pair.fake.server.faults.append(Fault(FaultMode.SLOW, "/time", delay_ms=5_000))
        await pair.venue.server_time_ms()
        assert pair.fake.server.count("/time") == 2
        assert abs(pair.venue.now_ms() - pair.fake.state.now_ms()) < 300


UNSEEN = [Fault(FaultMode.STATUS), Fault(FaultMode.STATUS, status=500), Fault(FaultMode.DROP)]
TAKEN = [
    Fault(FaultMode.STATUS, after=True),
    Fault(FaultMode.STATUS, status=504, after=True),
    Fault(FaultMode.DROP, after=True),
    Fault(FaultMode.HTML, after=True),
    Fault(FaultMode.CUT),
    Fault(FaultMode.HOLD),
]


@pytest.mark.parametrize("number", range(len(UNSEEN) + len(TAKEN)))
@pytest.mark.parametrize("place", SWAPS, ids=named)
async def test_nobody_knows_so_it_is_asked_for_and_never_sent_again(place: Place, number: int) -> None:
    fault = (UNSEEN + TAKEN)[number]
    taken = number >= len(UNSEEN)
    async with trading(place, timeout_s=2.0 if fault.mode is FaultMode.HOLD else 30.0) as pair:
        struck = Fault(fault.mode, "/order", status=fault.status, after=fault.after, method="POST")
        pair.fake.server.faults.append(struck)
        answer = await pair.venue.place(pair.request("0.010"))
        assert isinstance(answer, Ambiguous), answer
        assert pair.sent == 1
        known = await found(pair)
        assert isinstance(known, OrderStatusReport if taken else Absent)
        assert (pair.sent, len(pair.accepted)) == (1, int(taken))


async def test_a_request_may_arrive_after_it_was_given_up(swap: Pair) -> None:
    swap.fake.server.faults.append(Fault(FaultMode.LATE, "/order", method="POST", delay_ms=300))
    assert isinstance(await swap.venue.place(swap.request("0.010")), Ambiguous)
    assert isinstance(await found(swap), Absent)
    await until(lambda: len(swap.accepted) == 1)
    assert isinstance(await found(swap), OrderStatusReport)


async def test_a_request_that_arrives_after_its_validity_is_not_taken(swap: Pair) -> None:
    swap.fake.server.faults.append(Fault(FaultMode.LATE, "/order", method="POST", delay_ms=300))
    assert isinstance(await swap.venue.place(swap.request("0.010", validity_ms=200)), Ambiguous)
    await until(lambda: swap.fake.server.late == 0)
    assert swap.accepted == []


async def test_no_connection_means_not_sent() -> None:
    async with trading(BINANCE) as pair:
        await pair.venue._client.session.close()  # the pooled connection
        pair.venue._client.session = None
        await pair.fake.server.__aexit__(None, None, None)
        answer = await pair.venue.place(pair.request("0.010"))
        assert isinstance(answer, Refused) and answer.reason is Reason.NOT_SENT
        await pair.fake.server.__aenter__()


# An exchange's own words for a limit, by its list of codes (shared/exchanges/*: RATE_LIMITED).
OWN_LIMIT = {
    "binance": '{"code":-1003,"msg":"Too many requests."}',
    "bybit": '{"retCode":10429,"retMsg":"System level frequency protection","result":{},"retExtInfo":{},"time":1}',
    "okx": '{"code":"50011","msg":"Rate limit reached.","data":[]}',
}


@pytest.mark.parametrize("own", [False, True], ids=["proxy", "own"])
async def test_a_limit_is_a_refusal_and_silence_is_kept(pair: Pair, own: bool) -> None:
    text = OWN_LIMIT.get(pair.place.exchange, "") if own else ""  # Hyperliquid has none of its own
    limit = Fault(FaultMode.STATUS, "/order", status=429, headers={"Retry-After": "600"}, method="POST", text=text)
    pair.fake.server.faults.append(limit)
    answer = await pair.venue.place(pair.request("0.010"))
    assert isinstance(answer, Refused) and answer.reason is Reason.RATE_LIMITED
    again = await pair.venue.place(pair.request("0.010", 2))
    assert isinstance(again, Refused) and again.reason is Reason.RATE_LIMITED
    assert (pair.sent, pair.accepted) == (1, [])
    with pytest.raises(VenueError, match=r"wants \d+ s of silence"):
        await pair.venue.balance()


@pytest.mark.parametrize(
    ("qty", "reduce_only", "reason"),
    [("5", False, Reason.NO_MARGIN), ("-0.010", True, Reason.NOTHING_TO_REDUCE)],
    ids=["margin", "reduce-only"],
)
async def test_a_definite_refusal_has_a_name(swap: Pair, qty: str, reduce_only: bool, reason: Reason) -> None:
    answer = await swap.venue.place(swap.request(qty, reduce_only=reduce_only))
    assert isinstance(answer, Refused) and answer.reason is reason
    assert (swap.sent, swap.accepted) == (1, [])


async def test_on_spot_the_words_tell_what_the_code_does_not() -> None:
    async with trading(BINANCE_SPOT) as pair:
        poor = await pair.venue.place(pair.request("1"))
        assert isinstance(poor, Refused) and poor.reason is Reason.NO_MARGIN
        small = await pair.venue.place(pair.request("0.0001"))
        assert isinstance(small, Refused) and small.reason is Reason.BELOW_MINIMUM
        pair.fake.engine.place(NewOrder("BTCUSDT", QTY, f"{1:032x}", limit=Decimal(40000)), pair.fake.state.now_ms())
        assert isinstance(await pair.venue.place(pair.request("0.010")), Ambiguous)
        assert len(pair.accepted) == 1


async def test_a_redirect_is_not_followed_for_that_would_be_a_second_send(swap: Pair) -> None:
    assert isinstance(await swap.venue.place(swap.request("0.010", 7)), OrderStatusReport)
    path = swap.fake.server.requests[-1].path
    elsewhere = {"Location": f"{swap.fake.url}/{path}"}
    swap.fake.server.faults.append(
        Fault(FaultMode.STATUS, "/order", status=307, headers=elsewhere, after=True, method="POST")
    )
    assert isinstance(await swap.venue.place(swap.request("0.010")), Ambiguous)
    assert (swap.sent, len(swap.accepted)) == (2, 2)


async def test_the_venues_least_value_is_a_refusal_with_a_name() -> None:
    async with trading(BINANCE) as pair:
        answer = await pair.venue.place(pair.request("0.001"))
        assert isinstance(answer, Refused) and answer.reason is Reason.BELOW_MINIMUM


@pytest.mark.parametrize("qty", ["0.00000001", "0", "0.010000001"])
async def test_what_is_below_the_minimum_or_no_step_is_not_sent(swap: Pair, qty: str) -> None:
    answer = await swap.venue.place(swap.request(qty))
    assert isinstance(answer, Refused) and answer.reason is Reason.BELOW_MINIMUM
    assert swap.sent == 0


async def test_an_id_that_the_venue_would_not_take_is_not_sent(pair: Pair) -> None:
    answer = await pair.venue.place(pair.request("0.010")._replace(client_order_id="a b"))
    assert isinstance(answer, Refused) and answer.reason is Reason.NOT_SENT
    too_long = pair.request("0.010")._replace(validity_ms=60_001)
    assert isinstance(await pair.venue.place(too_long), Refused)
    assert pair.sent == 0


async def test_an_id_that_is_open_already_is_no_refusal(swap: Pair) -> None:
    ask = NewOrder(swap.place.id, Decimal("0.010"), f"{1:032x}", limit=Decimal(40000))
    swap.fake.engine.place(ask, swap.fake.state.now_ms())
    assert isinstance(await swap.venue.place(swap.request("0.010")), Ambiguous)


async def test_a_finished_orders_id_is_accepted_again_which_is_why_nothing_is_sent_twice(swap: Pair) -> None:
    await swap.venue.place(swap.request("0.010"))
    again = await swap.venue.place(swap.request("0.010"))
    if swap.place is BYBIT:  # there an id is good for one order for ever
        assert isinstance(again, Ambiguous)
    else:
        assert [order.client_id for order in swap.accepted] == [f"{1:032x}"] * 2


async def test_parts_over_time_cost_what_each_has_cost(swap: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap.fake.state.random_faults, "plan", lambda client_id: FillPlan(3, 60))
    answer = await swap.venue.place(swap.request("-0.010"))
    assert isinstance(answer, OrderStatusReport) and answer.phase is not OrderPhase.FILLED

    async def filled() -> bool:
        known = await found(swap)
        return isinstance(known, OrderStatusReport) and known.phase is OrderPhase.FILLED

    await until(filled)
    fills = swap.fake.engine.fills
    known = await found(swap)
    assert isinstance(known, OrderStatusReport)
    assert len({fill.price for fill in fills}) == 3
    assert known.paid == sum(abs(fill.qty) * fill.price for fill in fills)
    assert known.filled_qty == Decimal("-0.010")


async def test_an_order_that_ends_in_part_says_so(swap: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap.fake.state.random_faults, "plan", lambda client_id: FillPlan(2, 0, Decimal("0.5")))
    await swap.venue.place(swap.request("0.010"))
    known = await found(swap)
    assert isinstance(known, OrderStatusReport)
    assert known.phase in (OrderPhase.EXPIRED, OrderPhase.CANCELED)
    assert known.filled_qty == Decimal("0.005")


async def test_a_stale_read_is_absent_and_then_there(swap: Pair) -> None:
    await swap.venue.place(swap.request("0.010"))
    swap.fake.state.random_faults.chances = {"stale": 1.0}
    swap.fake.state.random_faults.stale_ms = 60_000
    before_ms = swap.venue.now_ms()
    known = await found(swap)
    assert isinstance(known, Absent) and before_ms <= known.at_ms <= swap.venue.now_ms()
    assert [held.signed_qty for held in await swap.venue.positions()] == [0]
    swap.fake.state.random_faults.chances = {}
    assert isinstance(await found(swap), OrderStatusReport)


async def test_an_answer_about_another_order_is_none() -> None:
    async with trading(BINANCE) as pair:
        other = {
            "orderId": 7,
            "symbol": "BTCUSDT",
            "status": "FILLED",
            "clientOrderId": f"{7:032x}",
            "executedQty": "1",
        }
        fault = Fault(FaultMode.STATUS, "/order", status=200, text=json.dumps(other), method="POST")
        pair.fake.server.faults.append(fault)
        assert isinstance(await pair.venue.place(pair.request("0.010")), Ambiguous)


async def test_an_order_of_another_id_is_absent(pair: Pair) -> None:
    await pair.venue.place(pair.request("0.010"))
    assert isinstance(await found(pair, 2), Absent)


async def test_an_open_order_that_the_look_up_misses_is_found_among_the_open_ones() -> None:
    async with trading(BINANCE) as pair:
        ask = NewOrder("BTCUSDT", QTY, f"{1:032x}", limit=Decimal(40000))
        order = pair.fake.engine.place(ask, pair.fake.state.now_ms())
        missed = Fault(FaultMode.STATUS, "/order", status=400, text='{"code":-2013,"msg":"Order does not exist."}')
        pair.fake.server.faults.append(missed)
        assert await found(pair) == OrderStatusReport(OrderPhase.NEW, Decimal(0), Decimal(0), str(order.id))


@pytest.mark.parametrize(
    "body", ["<html>log in</html>", "", "null", '{"positions": 7', "{}", '[{"symbol": "BTCUSDT"}]']
)
async def test_an_answer_that_is_none_is_an_error_and_never_an_empty_one(body: str) -> None:
    async with trading(BINANCE, attempts=1) as pair:
        venue = pair.venue
        pair.fake.server.faults.append(Fault(FaultMode.STATUS, status=200, text=body or " ", times=100))
        assert isinstance(await venue.place(pair.request("0.010")), Ambiguous)
        assert isinstance(await found(pair), Ambiguous)
        reads: list[Awaitable[Any]] = [venue.quote(SYM), venue.server_time_ms()]
        if body not in ("{}", '[{"symbol": "BTCUSDT"}]'):  # these are JSON, and to ccxt no rows
            reads += [venue.positions(), venue.balance(), venue.open_orders(SYM), venue.funding(0)]
            reads += [venue.fills(SYM, venue.now_ms() - 1000)]
        for read in reads:
            with pytest.raises(VenueError):
                await read


async def test_a_read_is_asked_again_within_bounds(swap: Pair) -> None:
    swap.fake.server.faults.append(Fault(FaultMode.STATUS, "/order", times=2))
    assert isinstance(await found(swap), Absent)
    swap.fake.server.faults.append(Fault(FaultMode.DROP, times=100))
    with pytest.raises(VenueError, match=r"does not answer, 3 times asked") as caught:
        await swap.venue.balance()
    assert "\n" not in str(caught.value)
    assert isinstance(await found(swap), Ambiguous)


async def test_no_key_and_no_signature_is_ever_shown(swap: Pair, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    swap.fake.server.faults.append(Fault(FaultMode.DROP, times=100))
    answer = await swap.venue.place(swap.request("0.010"))
    told = f"{answer} {await found(swap)} {swap.venue!r} {swap.place.keys!r} {caplog.text}"
    with pytest.raises(VenueError) as caught:
        await swap.venue.positions()
    told += repr(caught.value)
    keys = swap.place.keys
    for secret in (keys.api_key, keys.secret, keys.password):
        assert secret is None or secret.get_secret_value() not in told
    signatures = [asked.query["signature"] for asked in swap.fake.server.requests if "signature" in asked.query]
    assert not any(signature in told for signature in signatures)
    assert swap.place is not BINANCE or signatures


async def test_wrong_keys_are_told_without_showing_them(swap: Pair) -> None:
    secret = "0x" + "ab" * 32 if swap.place is HYPERLIQUID else "wrong-secret"
    venue = CcxtVenue(options(swap.place, swap.fake.url), replace(swap.place.keys, secret=SecretStr(secret)))
    with pytest.raises(TicklineError, match="may not trade" if swap.place is HYPERLIQUID else "refuses") as caught:
        await venue.open()
    assert secret not in str(caught.value)
    assert swap.place.keys.api_key.get_secret_value() not in str(caught.value)


@pytest.mark.parametrize("place", SWAPS, ids=named)
async def test_a_key_that_may_withdraw_is_refused(place: Place) -> None:
    """At Hyperliquid that is the account's own key: one of an API wallet never may."""
    async with serving(place.exchange) as fake:
        fake.state.keys.withdraws = True
        keys = OWNER_KEYS if place is HYPERLIQUID else KEYS
        with pytest.raises(SafetyRefusal, match="may withdraw"):
            await CcxtVenue(options(place, fake.url), keys).open()
        testnet = CcxtVenue(options(place, fake.url, mode="testnet"), keys)
        await testnet.open()
        await testnet.close()


async def test_testnet_speaks_to_the_venues_test_system() -> None:
    async with (
        trading(BINANCE, mode="testnet") as binance,
        trading(OKX, mode="testnet") as okx,
        trading(BYBIT, mode="testnet") as bybit,
        trading(HYPERLIQUID, mode="testnet") as hyperliquid,
    ):
        for pair in (binance, okx, bybit, hyperliquid):
            await pair.venue.place(pair.request("0.010"))
            assert len(pair.accepted) == 1
        assert all(asked.path.startswith("demo-fapi.binance.com/") for asked in binance.fake.server.requests)
        assert all(asked.headers["x-simulated-trading"] == "1" for asked in okx.fake.server.requests)
        assert all(asked.path.startswith("api-demo.bybit.com/") for asked in bybit.fake.server.requests)
        tested = "api.hyperliquid-testnet.xyz/"
        assert all(asked.path.startswith(tested) for asked in hyperliquid.fake.server.requests)


async def test_one_way_isolated_and_the_leverage_are_set(swap: Pair) -> None:
    settings = swap.fake.engine.settings
    assert settings[f"leverage:{swap.place.id}"] == "3"
    if swap.place in (BINANCE, HYPERLIQUID):
        assert settings[f"margin:{swap.place.id}"].upper() == "ISOLATED"
    elif swap.place is BYBIT:
        assert settings["marginMode"] == "ISOLATED_MARGIN"
    else:
        await swap.venue.place(swap.request("0.010"))
        assert swap.fake.server.requests[-1].content["tdMode"] == "isolated"


async def test_what_is_as_wanted_is_not_set_again(swap: Pair) -> None:
    again = CcxtVenue(options(swap.place, swap.fake.url), swap.place.keys)
    await again.open()
    await again.close()
    asked_by_post = {asked.target for asked in swap.fake.server.requests if asked.method != "GET"}
    written = {target for target in asked_by_post if "/info/" not in target}
    assert all(
        path.endswith("/position/switch-mode") for path in written
    )  # Bybit does not tell it, and changes nothing


async def test_the_way_out_asks_neither_for_rights_nor_for_modes(swap: Pair) -> None:
    swap.fake.state.keys.withdraws = True
    out = CcxtVenue(options(swap.place, swap.fake.url, leverage=5), swap.place.keys)
    await out.open(only_out=True)
    await out.cancel_all(SYM)
    await out.close()
    assert swap.fake.engine.leverage(swap.place.id) == 3


async def test_one_way_is_set_where_it_is_not() -> None:
    for place, key, hedged, one_way in (
        (BINANCE, "dual", "true", "false"),
        (OKX, "mode", "long_short_mode", "net_mode"),
        (BYBIT, "dual", "true", "false"),
    ):
        async with serving(place.exchange) as fake:
            fake.engine.set(key, hedged)
            venue = CcxtVenue(options(place, fake.url), KEYS)
            await venue.open()
            await venue.close()
            assert fake.engine.settings[key] == one_way


async def test_what_cannot_be_set_is_refused() -> None:
    async with serving("binance") as fake:
        fake.engine.place(NewOrder("BTCUSDT", Decimal("0.010")), fake.state.now_ms())  # a position at cross margin
        with pytest.raises(SafetyRefusal, match="-4048"):
            await CcxtVenue(options(BINANCE, fake.url), KEYS).open()
        assert fake.server.count("/order", "POST") == 0


async def test_every_open_order_is_shown_and_can_be_cancelled(pair: Pair) -> None:
    now_ms = pair.fake.state.now_ms()
    for number in range(2):
        pair.fake.engine.place(NewOrder(pair.place.id, QTY, f"{number:032x}", limit=Decimal(40000)), now_ms)
    rows = await pair.venue.open_orders(SYM)
    assert sorted((row.client_order_id, row.report.phase) for row in rows) == [
        (f"{number:032x}", OrderPhase.NEW) for number in range(2)
    ]
    await pair.venue.cancel_all(SYM)
    assert {order.state for order in pair.fake.engine.orders()} == {State.CANCELED}
    await pair.venue.cancel_all(SYM)
    assert await pair.venue.open_orders(SYM) == []


async def test_funding_is_told_with_its_sign(swap: Pair) -> None:
    await swap.venue.place(swap.request("0.010"))
    for number, rate in enumerate(("0.0001", "-0.0003")):
        swap.fake.state.skew_ms = number
        swap.fake.state.fund(swap.place.id, Decimal(rate))
    paid = await swap.venue.funding(swap.venue.now_ms() - 60_000)
    assert [(row.payment_id, row.sym, row.amount) for row in paid] == [
        (swap.place.payment_id(row), SYM, row.amount) for row in swap.fake.engine.payments
    ]
    assert [row.amount < 0 for row in paid] == [True, False]


@pytest.mark.parametrize(
    ("origin", "why"),
    [("liquidation", Forced.LIQUIDATION), ("adl", Forced.ADL), ("settlement", Forced.SETTLEMENT), ("", None)],
)
async def test_what_the_venue_does_by_itself_is_told_from_what_a_person_does(
    swap: Pair, origin: str, why: Forced | None
) -> None:
    """By the trade, or by the order that it was of; a funding payment beside it is no trade."""
    await swap.venue.place(swap.request("0.010"))
    swap.fake.state.fund(swap.place.id, Decimal("0.0001"))
    if origin:
        swap.fake.state.close_out(swap.place.id, origin)
    else:
        swap.fake.engine.place(NewOrder(swap.place.id, -QTY, "byhand00001"), swap.fake.state.now_ms(), FillPlan())
    since_ms = swap.venue.now_ms() - 60_000
    fills = await swap.venue.fills(SYM, since_ms)
    assert await swap.venue.all_fills([SYM], since_ms) == fills
    other, own = sorted(fills, key=lambda fill: fill.signed_qty)
    assert (own.forced, other.signed_qty) == (None, -QTY)
    assert (other.forced or (await swap.venue.maker(SYM, other.venue_order_id)).forced) == why


async def test_all_fills_are_found_page_by_page(swap: Pair) -> None:
    now_ms = swap.fake.state.now_ms()
    swap.fake.engine.wallet.cash[swap.place.quote] = Decimal(10**9)
    for number in range(2105):
        ask = NewOrder(swap.place.id, QTY if number % 2 == 0 else -QTY, f"{number:032x}")
        swap.fake.engine.place(ask, now_ms - 8 * 86_400_000 + number * 300_000)
    fills = await swap.venue.fills(SYM, now_ms - 9 * 86_400_000)
    assert [fill.trade_id for fill in fills] == [swap.place.trade_id(fill.id) for fill in swap.fake.engine.fills]


async def test_the_quote_is_bid_and_ask(pair: Pair) -> None:
    pair.fake.engine.prices.set(pair.place.id, Decimal("43000.0"))
    tick = pair.listing.tick
    quote = await pair.venue.quote(SYM)
    assert (quote.bid, quote.ask) == (43000 - tick, 43000 + tick)
    assert abs(quote.at_ms - pair.venue.now_ms()) < 5000


@pytest.mark.parametrize("together", [False, True])
async def test_a_quotes_age_is_since_it_was_asked_for_and_the_books_own_time_stands_beside_it(
    pair: Pair, together: bool
) -> None:
    """A quiet market is no stale one. P: bookTicker's `time` of futures, `ts` of OKX, l2Book's `time`; else none."""
    pair.fake.state.quiet_ms = 45_000
    slow = Fault(FaultMode.HOLD, pair.place.tickers, after=True)
    pair.fake.server.faults.append(slow)
    before_ms = pair.venue.now_ms()
    asking = asyncio.create_task(pair.venue.quotes([SYM]) if together else pair.venue.quote(SYM))
    await pair.fake.server.wait_for(pair.place.tickers, 1)
    asked_ms = pair.venue.now_ms()
    await until(lambda: pair.venue.now_ms() > asked_ms + 5)
    slow.release.set()
    answer = await asking
    quote = answer[SYM] if isinstance(answer, dict) else answer
    assert before_ms <= quote.at_ms <= asked_ms
    if pair.place in (BINANCE, OKX, OKX_SPOT, HYPERLIQUID):
        assert quote.book_ms is not None
        assert before_ms - 46_000 < quote.book_ms < asked_ms - 44_000
    else:
        assert quote.book_ms is None


async def test_a_cancelled_task_stays_cancelled_and_sends_no_more(swap: Pair) -> None:
    swap.fake.server.faults.append(Fault(FaultMode.HOLD, "/order", method="POST"))
    placing = asyncio.create_task(swap.venue.place(swap.request("0.010")))
    await swap.fake.server.wait_for("/order", 1)
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing
    assert swap.sent == 1
    assert isinstance(await found(swap), OrderStatusReport)


async def test_our_decimal_context_stays_ours(pair: Pair) -> None:
    with localcontext(Context(rounding=ROUND_HALF_EVEN)) as ours:
        await pair.venue.place(pair.request("0.010"))
        await pair.venue.fills(SYM, pair.venue.now_ms() - 1000)
        assert ours.rounding == ROUND_HALF_EVEN


async def test_an_unknown_market_is_told_with_its_neighbours() -> None:
    async with serving("binance") as fake:
        venue = CcxtVenue(options(Place("binance", "BTC/USDT:USD", ""), fake.url), KEYS)
        with pytest.raises(
            ConfigError, match=r"BTCUSDT = 'BTC/USDT:USD': binance has no such market: did you mean BTC/USDT:USDT"
        ):
            await venue.open()


@pytest.mark.parametrize(
    ("exchange", "error", "text"),
    [
        ("binanec", ConfigError, "did you mean binance"),
        ("kraken", SafetyRefusal, "not one of binance, bybit, okx.*allow_unlisted = true"),
    ],
)
def test_an_exchange_that_is_not_listed_is_refused(exchange: str, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        CcxtVenue(options(Place(exchange, "BTC/USDT", ""), ""), KEYS)


async def test_at_random_every_order_is_known_in_the_end(swap: Pair) -> None:
    chances = (
        "limit",
        "status_before",
        "status_after",
        "drop_before",
        "drop_after",
        "html",
        "partial",
        "expire",
        "reject",
    )
    swap.fake.state.random_faults.chances = dict.fromkeys(chances, 0.08)
    refused = set()
    for number in range(60):
        side = "" if number % 2 == 0 else "-"
        answer = await swap.venue.place(swap.request(f"{side}0.010", number))
        if isinstance(answer, Refused):
            refused.add(f"{number:032x}")
    swap.fake.state.random_faults.chances = {}
    assert swap.sent <= 60
    on_book = [order.client_id for order in swap.accepted]
    assert len(set(on_book)) == len(on_book)
    assert not refused & set(on_book)
    for number in range(60):
        known = await found(swap, number)
        while isinstance(known, Ambiguous):  # it is being filled between the two questions
            known = await found(swap, number)
        assert isinstance(known, OrderStatusReport if f"{number:032x}" in on_book else Absent)
    assert 0 < len(refused) < 30
    assert len(on_book) > 20
