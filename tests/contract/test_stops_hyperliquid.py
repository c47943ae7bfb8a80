"""What is Hyperliquid's alone about stops, and what of it nobody could verify: both ways hold."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from services.simulator.engine.events import FillPlan, NewOrder
from services.simulator.engine.stop_faults import StopFate
from shared.messages.reasons import OrderPhase, Reason, StopKind
from shared.orders.answers import Absent, Ambiguous, OrderStatusReport, Refused
from shared.orders.stops import Beyond, StopPhase, StopReport
from tests.contract.test_stops import ABOVE, BELOW, FAR_BELOW, LONG, STOP, TAKE, held, hold, placed, price, seen, stop
from tests.simulator_venues import HYPERLIQUID, SYM, Pair, trading

D = Decimal


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with trading(HYPERLIQUID) as made:
        yield made


def action(pair: Pair) -> dict[str, Any]:
    """The last action that was posted."""
    posted = [one for one in pair.fake.server.requests if one.path.endswith("/exchange")]
    found: dict[str, Any] = json.loads(posted[-1].body)
    return found


async def test_a_stop_is_one_signed_action_that_expires(pair: Pair) -> None:
    await hold(pair)
    await placed(pair)
    (request,) = pair.fake.server.requests
    sent = json.loads(request.body)
    (order,) = sent["action"]["orders"]
    assert sent["action"]["grouping"] == "positionTpsl"
    assert list(order) == ["a", "b", "p", "s", "r", "t", "c"]
    assert order["t"] == {"trigger": {"isMarket": True, "triggerPx": "41000", "tpsl": "sl"}}
    assert (order["s"], order["r"], order["c"], order["b"]) == ("0", True, f"0x{1:032x}", False)
    assert order["p"] == "36900", "10 % beyond the trigger, on its far side"
    assert sent["expiresAfter"] == sent["nonce"] + 5000 and "builder" not in sent["action"]


async def test_an_entry_and_its_stops_have_each_a_cloid_of_its_own(pair: Pair) -> None:
    """ccxt gives them the same."""
    stops = [stop(pair, 51), stop(pair, 52, TAKE, ABOVE)]
    await pair.venue.place(pair.request(str(LONG)), stops=stops)
    sent = action(pair)["action"]
    assert (pair.sent, sent["grouping"]) == (1, "normalTpsl")
    assert [order["c"] for order in sent["orders"]] == [f"0x{number:032x}" for number in (1, 51, 52)]
    assert [order["s"] for order in sent["orders"]] == ["0.01"] * 3
    waiting = {one.stop_id: (one.kind, one.signed_qty, one.reduce_only) for one in await pair.venue.stops.waiting()}
    assert waiting == {f"{51:032x}": (STOP, -LONG, True), f"{52:032x}": (TAKE, -LONG, True)}


@pytest.mark.parametrize("kept", ["same", "another"])
async def test_whether_or_not_it_keeps_its_number_the_books_take_its_order(pair: Pair, kept: str) -> None:
    pair.fake.engine.set("trigger_id", kept)
    await hold(pair)
    answer = await placed(pair, whole=False)
    price(pair, D(40_900))
    assert held(pair) == 0
    fired = await seen(pair, answer)
    assert (fired.phase, fired.order_id == fired.venue_id) == (StopPhase.TRIGGERED, kept == "same")
    order = await pair.venue.stops.order(SYM, fired.order_id)
    fill = (await pair.venue.fills(SYM, pair.venue.now_ms() - 60_000))[-1]
    assert order == OrderStatusReport(OrderPhase.FILLED, -LONG, LONG * fill.price, fired.order_id)
    assert fill.venue_order_id == fired.order_id


@pytest.mark.parametrize("kept", ["same", "another"])
@pytest.mark.parametrize("share", [D(0), D("0.5")])
async def test_one_that_is_filled_in_part_is_told_by_its_fills(
    pair: Pair, kept: str, share: Decimal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is sized by the position, and its row tells no quantity."""
    pair.fake.engine.set("trigger_id", kept)
    fate = StopFate(at_trigger="short" if share else "expires")
    monkeypatch.setattr(pair.fake.state.stop_faults, "fate", lambda words: fate)
    await hold(pair)
    answer = await placed(pair)
    price(pair, D(40_900))
    pair.fake.state.skew_ms += 20_000
    await pair.venue.server_time_ms()
    found = await seen(pair, answer)
    if not share:
        assert found.phase is (StopPhase.FAILED if kept == "same" else StopPhase.TRIGGERING)
        return
    assert found.phase is StopPhase.TRIGGERED
    order = await pair.venue.stops.order(SYM, found.order_id)
    assert isinstance(order, OrderStatusReport) and order.filled_qty == -LONG / 2 == held(pair) - LONG
    if kept == "same":
        assert (order.phase, order.traded_qty) == (OrderPhase.CANCELED, -LONG / 2), "it has ended short"


async def test_a_stop_that_is_beyond_leaves_its_entry_without_one(pair: Pair) -> None:
    """Nobody knows whether such an entry is refused: one that was taken is never called refused."""
    answer = await pair.venue.place(pair.request(str(LONG)), stops=[stop(pair, 51, price=ABOVE)])
    assert isinstance(answer, OrderStatusReport), answer
    assert (held(pair), await pair.venue.stops.waiting()) == (LONG, [])
    assert isinstance(await pair.venue.stops.place(stop(pair, 52, price=ABOVE)), Beyond)


async def test_what_is_wrong_with_a_stop_by_itself_refuses_the_entry(pair: Pair) -> None:
    pair.fake.engine.set("small_reduce", "false")
    small = pair.request("0.00024")  # 10.08 USDC; its stop is 9 at its price
    answer = await pair.venue.place(small, stops=[stop(pair, 51, held_qty=D("0.00024"), price=D(41_000))])
    assert isinstance(answer, Refused) and answer.reason is Reason.BELOW_MINIMUM
    assert held(pair) == 0


async def test_of_an_entry_that_misses_nothing_is_left(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair.fake.state.random_faults, "ioc_plan", lambda id_: FillPlan(share=D(0)))
    limit = pair.best.ask + 5 * pair.listing.tick
    answer = await pair.venue.place(pair.ioc(str(LONG), limit), stops=[stop(pair, 51)])
    assert isinstance(answer, OrderStatusReport) and (answer.phase, answer.filled_qty) == (OrderPhase.CANCELED, 0)
    assert (held(pair), await pair.venue.stops.waiting()) == (0, [])


@pytest.mark.parametrize("second", ["taken", "refused"])
async def test_a_second_one_of_the_whole_position_rests_or_is_nothing_that_is_known(pair: Pair, second: str) -> None:
    pair.fake.engine.set("second_tpsl", second)
    await hold(pair)
    await placed(pair)
    answer = await pair.venue.stops.place(stop(pair, 2, price=FAR_BELOW))
    assert isinstance(answer, StopReport if second == "taken" else Ambiguous)
    assert len(await pair.venue.stops.waiting()) == (2 if second == "taken" else 1)
    price(pair, D(39_900))
    assert held(pair) == 0, "none of them opens the reverse"


async def test_where_it_ends_with_its_position_it_is_called_cancelled(pair: Pair) -> None:
    pair.fake.engine.set("tpsl_ends", "true")
    await hold(pair)
    answer = await placed(pair)
    await hold(pair, -LONG, 901)
    assert await pair.venue.stops.waiting() == []
    found = await seen(pair, answer)
    assert (found.phase, found.text) == (StopPhase.CANCELED, "reduceOnlyCanceled")


async def test_beyond_its_tolerance_it_fills_nothing(pair: Pair) -> None:
    await hold(pair)
    await placed(pair)
    price(pair, D(36_000))
    assert held(pair) == LONG


async def test_one_that_is_larger_than_the_position_is_not_taken_for_a_close(pair: Pair) -> None:
    await hold(pair)
    answer = await placed(pair, whole=False)
    pair.fake.engine.place(NewOrder(HYPERLIQUID.id, -LONG / 2, "b" * 32), pair.fake.state.now_ms())
    price(pair, D(40_900))
    assert ((await seen(pair, answer)).phase, held(pair)) == (StopPhase.FAILED, LONG / 2)


async def test_without_a_position_none_is_taken(pair: Pair) -> None:
    answer = await pair.venue.stops.place(stop(pair))
    assert isinstance(answer, Refused) and answer.reason is Reason.NOTHING_TO_REDUCE
    assert isinstance(await pair.venue.stops.find(SYM, StopKind.STOP, f"{1:032x}"), Absent)


async def test_a_cancel_of_all_orders_leaves_the_stops_of_positions(pair: Pair) -> None:
    await hold(pair)
    await placed(pair)
    now_ms = pair.fake.state.now_ms()
    pair.fake.engine.place(NewOrder(HYPERLIQUID.id, D("0.002"), "c" * 32, limit=D(39_000), trigger=D(39_100)), now_ms)
    pair.fake.engine.place(NewOrder(HYPERLIQUID.id, D("0.002"), "d" * 32, limit=D(39_000)), now_ms)
    assert [one.waits for one in await pair.venue.open_orders(SYM)] == [True, True, False]
    await pair.venue.cancel_all(SYM)
    assert [one.trigger for one in pair.fake.engine.stops.waiting()] == [BELOW]
    assert pair.fake.engine.waiting_orders() == pair.fake.engine.open_orders() == []
