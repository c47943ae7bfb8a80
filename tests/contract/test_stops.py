"""What every venue keeps about stops, over the dialects through ccxt's own classes.

`SENDS` are the requests that place one; `tests/unit/simulator/engine/test_stops.py` has the faults by themselves.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from services.simulator.engine.events import FillPlan, NewOrder
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.engine.stop_faults import StopFate
from services.simulator.engine.stops import EngineStop, StopState
from shared.exchanges.trading.client import NotCleared
from shared.exchanges.trading.stops import Replaced
from shared.messages.reasons import OrderPhase, Reason, StopKind
from shared.orders.answers import Absent, Ambiguous, OrderStatusReport, Refused
from shared.orders.stops import Beyond, Occupied, StopPhase, StopReport, StopRequest
from tests.simulator_venues import BINANCE, BYBIT, HYPERLIQUID, OKX, SPOTS, SYM, Pair, Place, named, trading
from tests.until import until

D = Decimal
LONG, SHORT = D("0.010"), D("-0.010")
STOP, TAKE, TRAIL = StopKind.STOP, StopKind.TAKE_PROFIT, StopKind.TRAIL
SENDS = {"binance": "algoOrder", "okx": "order-algo", "bybit": "trading-stop", "hyperliquid": "/exchange/order"}
BELOW, ABOVE, FAR_BELOW = D(41_000), D(43_000), D(40_000)


@pytest.fixture(params=[BINANCE, OKX, BYBIT, HYPERLIQUID], ids=named)
async def swap(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    async with trading(request.param) as made:
        yield made


@pytest.fixture(params=[BINANCE, OKX], ids=named)
async def told(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    """An exchange that takes our id, and makes another order of a stop."""
    async with trading(request.param) as made:
        yield made


@pytest.fixture(params=[OKX, BYBIT, HYPERLIQUID], ids=named)
async def carrying(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    """An exchange whose entries carry their stop."""
    async with trading(request.param) as made:
        yield made


def stop(pair: Pair, number: int = 1, kind: StopKind = STOP, price: Decimal = BELOW, **changes: object) -> StopRequest:
    made = StopRequest(SYM, f"{number:032x}", kind, LONG, price, at_ms=pair.venue.now_ms(), validity_ms=5000)
    return made._replace(**changes)  # type: ignore[arg-type]


async def hold(pair: Pair, qty: Decimal = LONG, number: int = 900) -> None:
    assert isinstance(await pair.venue.place(pair.request(str(qty), number)), OrderStatusReport)
    pair.fake.server.requests.clear()


async def placed(pair: Pair, *given: object, **changes: object) -> StopReport:
    answer = await pair.venue.stops.place(stop(pair, *given, **changes))  # type: ignore[arg-type]
    assert isinstance(answer, StopReport), answer
    return answer


async def seen(pair: Pair, report: StopReport) -> StopReport:
    """The same, as the venue tells it; by its id where one was told."""
    assert report.kind is not None
    answer = await pair.venue.stops.find(SYM, report.kind, report.stop_id, report.venue_id)
    assert isinstance(answer, StopReport), answer
    return answer


def sends(pair: Pair) -> int:
    return pair.fake.server.count(SENDS[pair.place.exchange], "POST")


def price(pair: Pair, mid: Decimal) -> None:
    pair.fake.engine.prices.set(pair.place.id, mid)
    pair.fake.engine.advance(pair.fake.state.now_ms())


def held(pair: Pair) -> Decimal:
    return pair.fake.engine.wallet.holding(pair.place.id).qty


def doomed(pair: Pair, monkeypatch: pytest.MonkeyPatch, **fate: object) -> None:
    """Every stop from now on has this fate."""
    monkeypatch.setattr(pair.fake.state.stop_faults, "fate", lambda words: StopFate(**fate))  # type: ignore[arg-type]


async def test_a_stop_is_sent_once_and_listed_as_it_was_asked_for(swap: Pair) -> None:
    await hold(swap)
    form = swap.venue.stops.form
    answer = await placed(swap)
    assert (sends(swap), len(swap.fake.server.requests)) == (1, 1)
    assert (answer.phase, answer.whole, answer.trigger_price) == (StopPhase.WAITING, True, BELOW)
    assert (bool(answer.venue_id), answer.stop_id) == (form.told_id, f"{1:032x}" if form.own_id else "")
    (listed,) = await swap.venue.stops.waiting()
    assert listed == await seen(swap, answer) == (await swap.venue.stops.waiting([SYM]))[0]
    assert (listed.kind, listed.phase, listed.whole, listed.trigger_price) == (STOP, StopPhase.WAITING, True, BELOW)
    assert (listed.sym, listed.stop_id, listed.signed_qty, listed.order_id) == (SYM, answer.stop_id, 0, "")
    assert listed.venue_id == answer.venue_id or not form.told_id
    (kept,) = swap.fake.engine.stops.waiting()
    assert (kept.side, kept.whole, kept.trigger) == (-1, True, BELOW)


@pytest.mark.parametrize(("qty", "mid"), [(LONG, D(40_900)), (SHORT, D(43_100))])
async def test_a_fired_stop_is_an_order_and_the_books_take_that_one(swap: Pair, qty: Decimal, mid: Decimal) -> None:
    await hold(swap, qty)
    answer = await placed(swap, price=BELOW if qty > 0 else ABOVE, held_qty=qty)
    (listed,) = await swap.venue.stops.waiting()
    price(swap, mid)
    assert held(swap) == 0
    fired = await seen(swap, answer._replace(venue_id=listed.venue_id))
    assert (fired.phase, bool(fired.order_id)) == (StopPhase.TRIGGERED, True)
    assert (fired.order_id == fired.venue_id) == swap.venue.stops.form.keeps_id == (swap.place is BYBIT)
    order = await swap.venue.stops.order(SYM, fired.order_id)
    fill = (await swap.venue.fills(SYM, swap.venue.now_ms() - 60_000))[-1]
    assert order == OrderStatusReport(OrderPhase.FILLED, -qty, abs(qty) * fill.price, fired.order_id)
    assert (fill.venue_order_id, fill.signed_qty) == (fired.order_id, -qty)
    assert await swap.venue.stops.waiting() == []
    assert isinstance(await swap.venue.stops.cancel(fired), Absent)


async def test_one_sized_by_the_position_closes_what_is_held_then(swap: Pair) -> None:
    await hold(swap)
    await placed(swap)
    await hold(swap, number=901)
    price(swap, D(40_900))
    assert held(swap) == 0


async def test_a_take_profit_waits_on_the_other_side_beside_a_stop(swap: Pair) -> None:
    await hold(swap)
    await placed(swap)
    take = await placed(swap, 2, TAKE, ABOVE)
    waiting = {one.kind: one.trigger_price for one in await swap.venue.stops.waiting()}
    assert waiting == {STOP: BELOW, TAKE: ABOVE}
    assert take.whole == (TAKE in swap.venue.stops.form.whole) == (swap.place is not OKX)
    price(swap, D(43_100))
    assert held(swap) == 0


async def test_the_price_is_rounded_to_the_side_that_triggers_earlier(swap: Pair) -> None:
    await hold(swap)
    answer = await placed(swap, price=D("41000.0001"))
    (listed,) = await swap.venue.stops.waiting()
    assert listed.trigger_price == answer.trigger_price == BELOW + swap.listing.tick
    kept = swap.fake.engine.stops.waiting()
    assert [one.trigger for one in kept] == [BELOW + swap.listing.tick]


BEYOND = [(LONG, STOP, ABOVE), (SHORT, STOP, BELOW), (LONG, TAKE, BELOW), (SHORT, TAKE, ABOVE)]


@pytest.mark.parametrize(("qty", "kind", "at"), BEYOND)
async def test_a_price_that_the_market_is_beyond_is_told_from_all_other_refusals(
    swap: Pair, qty: Decimal, kind: StopKind, at: Decimal
) -> None:
    """-2021, "than base_price", 51277 to 51280: nothing protects the position, and a close is due at once."""
    await hold(swap, qty)
    answer = await swap.venue.stops.place(stop(swap, kind=kind, price=at, held_qty=qty))
    assert isinstance(answer, Beyond), answer
    assert swap.fake.engine.stops.waiting() == []


@pytest.mark.parametrize("fate", ["fails", "expires", "short", "sticks"])
async def test_a_trigger_that_fails_leaves_the_position_and_says_so(
    swap: Pair, fate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hold(swap)
    doomed(swap, monkeypatch, at_trigger=fate)
    answer = await placed(swap)
    (listed,) = await swap.venue.stops.waiting()
    price(swap, D(40_900))
    left = {"short": LONG / 2}.get(fate, LONG)
    assert held(swap) == left
    found = await seen(swap, answer._replace(venue_id=listed.venue_id))
    if fate == "fails" or (fate == "expires" and swap.place is BYBIT):  # whose stop is the order itself
        assert (found.phase, found.order_id) == (StopPhase.FAILED, "")
        assert found.text
    elif fate == "sticks" or (fate == "expires" and swap.place is HYPERLIQUID):  # without a fill nobody tells of it
        assert found.phase is StopPhase.TRIGGERING
        assert isinstance(await swap.venue.stops.cancel(found), Absent)
    else:
        assert found.phase is StopPhase.TRIGGERED
        order = await swap.venue.stops.order(SYM, found.order_id)
        assert isinstance(order, OrderStatusReport)
        assert (order.phase in (OrderPhase.EXPIRED, OrderPhase.CANCELED), order.filled_qty) == (True, left - LONG)
    assert await swap.venue.stops.waiting() == [], "nothing protects what is left"


async def test_a_quantity_that_is_more_than_the_position_is_not_taken_for_a_close(told: Pair) -> None:
    """What an exchange makes of such a stop could not be verified without keys: nothing here assumes that it cuts."""
    await hold(told)
    answer = await placed(told, whole=False)
    told.fake.engine.place(NewOrder(told.place.id, -LONG / 2, "byhand00001"), told.fake.state.now_ms())
    price(told, D(40_900))
    assert ((await seen(told, answer)).phase, held(told)) == (StopPhase.FAILED, LONG / 2)


async def test_a_cancel_is_answered_and_the_answer_is_the_last_word(swap: Pair) -> None:
    await hold(swap)
    answer = await placed(swap)
    (listed,) = await swap.venue.stops.waiting()
    gone = await swap.venue.stops.cancel(answer)
    assert isinstance(gone, StopReport)
    assert (gone.phase, gone.stop_id) == (StopPhase.CANCELED, answer.stop_id)
    assert await swap.venue.stops.waiting() == []
    assert isinstance(await swap.venue.stops.cancel(answer), Absent)
    assert isinstance(await swap.venue.stops.cancel(listed), Absent)
    assert (await seen(swap, listed)).phase is StopPhase.CANCELED
    price(swap, D(40_900))
    assert held(swap) == LONG


async def test_binance_forgets_a_cancelled_one_after_three_days() -> None:
    """Query-Algo-Order; one with a trade stays. Its form says so, and that Absent is no proof."""
    async with trading(BINANCE) as pair:
        await hold(pair)
        answer = await placed(pair)
        await pair.venue.stops.cancel(answer)
        pair.fake.state.skew_ms = pair.venue.stops.form.forgotten_ms - 60_000
        await pair.venue.server_time_ms()
        assert (await seen(pair, answer)).phase is StopPhase.CANCELED
        pair.fake.state.skew_ms += 120_000
        await pair.venue.server_time_ms()
        assert isinstance(await pair.venue.stops.find(SYM, STOP, answer.stop_id, answer.venue_id), Absent)
        assert not pair.venue.stops.form.absent_proves


def counted(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many stops wait after each change of one."""
    counts, note = list[int](), pair.fake.engine.note

    def noted(one: EngineStop) -> None:
        note(one)
        counts.append(len(pair.fake.engine.stops.waiting()))

    monkeypatch.setattr(pair.fake.engine, "note", noted)
    return counts


async def test_while_one_replaces_another_there_is_always_one(swap: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    await hold(swap)
    old = await placed(swap)
    (old,) = await swap.venue.stops.waiting()
    counts = counted(swap, monkeypatch)
    for number, at in enumerate((D(41_100), D(41_200), D(41_300)), 2):
        replaced = await swap.venue.stops.replace(old, stop(swap, number, price=at))
        assert isinstance(replaced.new, StopReport), replaced
        if swap.venue.stops.form.replaced == "new_first":
            assert isinstance(replaced.old, StopReport)
            assert (replaced.old.phase, replaced.old.venue_id) == (StopPhase.CANCELED, old.venue_id)
        else:
            assert replaced.old is None
        (old,) = await swap.venue.stops.waiting()
        assert old.trigger_price == at
    assert 1 <= min(counts) <= max(counts) <= 2
    price(swap, D(41_250))
    assert held(swap) == 0, "sized by the position or by quantity, all of it is closed"


async def test_what_is_beyond_replaces_nothing(swap: Pair) -> None:
    await hold(swap)
    await placed(swap)
    (old,) = await swap.venue.stops.waiting()
    replaced = await swap.venue.stops.replace(old, stop(swap, 2, price=ABOVE))
    assert isinstance(replaced.new, Beyond)
    assert (replaced.old, await swap.venue.stops.waiting()) == (None, [old])


async def test_of_those_sized_by_the_position_one_rests(told: Pair) -> None:
    """-4130 at Binance, 51088 at OKX: what replaces one is sized by quantity, and the next one is not."""
    await hold(told)
    await placed(told)
    (old,) = await told.venue.stops.waiting()
    second = await told.venue.stops.place(stop(told, 2, price=FAR_BELOW))
    assert isinstance(second, Occupied), second
    wanted = told.venue.stops.replacement(old, stop(told, 2))
    assert (wanted.whole, told.venue.stops.replacement(old._replace(whole=False), stop(told, 2)).whole) == (False, True)


async def test_a_second_one_is_refused_since_the_first_is_there_and_that_one_is_found(
    told: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to the first was lost, and reads do not show it yet: the position is protected all the same."""
    await hold(told)
    doomed(told, monkeypatch, shown_ms=2_000)
    told.fake.server.faults.append(Fault(FaultMode.DROP, SENDS[told.place.exchange], after=True, method="POST"))
    assert isinstance(await told.venue.stops.place(stop(told)), Ambiguous)
    assert (await told.venue.stops.waiting(), len(told.fake.engine.stops.waiting())) == ([], 1)
    again = await told.venue.stops.place(stop(told, 2))
    assert isinstance(again, Occupied) and again.text
    told.fake.state.skew_ms = 3_000
    await told.venue.server_time_ms()
    found = await told.venue.stops.find(SYM, STOP, f"{1:032x}")
    assert isinstance(found, StopReport) and (found.phase, found.whole) == (StopPhase.WAITING, True)
    assert await told.venue.stops.waiting() == [found]


async def test_one_of_the_whole_position_needs_a_position(told: Pair) -> None:
    """-4509, 51058; Bybit's is below."""
    answer = await told.venue.stops.place(stop(told))
    assert isinstance(answer, Refused) and answer.reason is Reason.NOTHING_TO_REDUCE


async def test_where_none_by_quantity_is_taken_the_old_one_stays(told: Pair) -> None:
    """Whether -1106, or 51205, is said of such ones could not be verified: one without reduceOnly is never sent."""
    await hold(told)
    await placed(told)
    (old,) = await told.venue.stops.waiting()
    told.fake.engine.set("sized_stops", "refused")
    replaced = await told.venue.stops.replace(old, stop(told, 2, price=D(41_100)))
    assert isinstance(replaced.new, Refused) and replaced.new.reason is Reason.VENUE_REFUSED
    assert (replaced.old, await told.venue.stops.waiting()) == (None, [old])
    trail = await told.venue.stops.place(stop(told, 3, TRAIL, trail_bps=D(100)))
    assert isinstance(trail, Refused) and trail.reason is Reason.VENUE_REFUSED
    sent = [one for one in told.fake.server.requests if SENDS[told.place.exchange] in one.path and one.method == "POST"]
    words = ("reduceOnly", "closePosition")
    assert len(sent) == 3 and all(any(word in one.raw_query + one.body for word in words) for one in sent)


async def test_an_entry_carries_its_stop_and_is_never_naked(carrying: Pair) -> None:
    request = carrying.request(str(LONG))
    answer = await carrying.venue.place(request, stops=[stop(carrying)])
    assert isinstance(answer, OrderStatusReport)
    (kept,) = carrying.fake.engine.stops.waiting()  # nothing was asked meanwhile
    assert (carrying.sent, sends(carrying)) == (1, 1 if carrying.place is HYPERLIQUID else 0)
    assert (kept.side, kept.trigger, held(carrying)) == (-1, BELOW, LONG)
    (listed,) = await carrying.venue.stops.waiting()
    assert (listed.kind, listed.trigger_price) == (STOP, BELOW)
    if carrying.venue.stops.form.own_id:
        assert listed == await seen(carrying, listed._replace(venue_id=""))
        assert listed.stop_id == f"{1:032x}"
    price(carrying, D(40_900))
    assert held(carrying) == 0


async def test_what_an_entry_carries_is_for_what_was_filled(carrying: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """OKX: its announcement of 1 July 2026; of Bybit's Full mode the position's size; Hyperliquid's is not placed."""
    plans = "ioc_plan" if carrying.place is HYPERLIQUID else "plan"
    monkeypatch.setattr(carrying.fake.state.random_faults, plans, lambda id_: FillPlan(share=D("0.3")))
    await carrying.venue.place(carrying.request(str(LONG)), stops=[stop(carrying)])
    assert held(carrying) == D("0.003")
    if not carrying.venue.stops.form.attached_part:
        assert (carrying.place, carrying.fake.engine.stops.waiting()) == (HYPERLIQUID, [])
        assert isinstance(await carrying.venue.stops.place(stop(carrying, 2)), StopReport)
    (kept,) = carrying.fake.engine.stops.waiting()
    assert kept.qty == (D("0.003") if carrying.place is OKX else 0)
    price(carrying, D(40_900))
    assert held(carrying) == 0


async def test_an_entry_with_a_limit_carries_its_stop_for_what_it_found(
    carrying: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = carrying.best.ask + 5 * carrying.listing.tick
    for number, share in enumerate((D(0), D("0.4"), D(1)), 1):
        monkeypatch.setattr(
            carrying.fake.state.random_faults, "ioc_plan", lambda id_, share=share: FillPlan(share=share)
        )
        before = held(carrying)
        await carrying.venue.place(carrying.ioc(str(LONG), limit, number), stops=[stop(carrying, number)])
        assert held(carrying) == before + LONG * share
        whole = share == 1 or carrying.venue.stops.form.attached_part
        assert bool(carrying.fake.engine.stops.waiting()) == bool(held(carrying) and whole)
    price(carrying, D(40_900))
    assert held(carrying) == (LONG * D("0.4") if carrying.place is HYPERLIQUID else 0), "its size is the entry's"


MAY_BE_THERE = [
    Fault(FaultMode.DROP), Fault(FaultMode.DROP, after=True), Fault(FaultMode.STATUS, after=True), Fault(FaultMode.CUT),
    Fault(FaultMode.HTML, after=True), Fault(FaultMode.LATE, delay_ms=20), Fault(FaultMode.HOLD),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(MAY_BE_THERE)))
async def test_whatever_becomes_of_the_answer_what_was_filled_is_protected(carrying: Pair, number: int) -> None:
    """Also where whoever sent it is killed as it waits for the answer, and the price runs away."""
    fault = MAY_BE_THERE[number]
    struck = Fault(fault.mode, "/order", after=fault.after, method="POST", delay_ms=fault.delay_ms)
    carrying.fake.server.faults.append(struck)
    placing = asyncio.create_task(carrying.venue.place(carrying.request(str(LONG)), stops=[stop(carrying)]))
    if fault.mode is FaultMode.HOLD:
        await carrying.fake.server.wait_for("/order", 1)
        await until(lambda: bool(held(carrying)))
        placing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await placing
    else:
        assert isinstance(await placing, Ambiguous)
    await until(lambda: not carrying.fake.server.late)
    assert held(carrying) == (0 if fault.mode is FaultMode.DROP and not fault.after else LONG)
    assert bool(carrying.fake.engine.stops.waiting()) == bool(held(carrying))
    price(carrying, D(40_900))
    assert held(carrying) == 0


async def test_an_entry_that_fills_nothing_leaves_no_stop(carrying: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying.fake.state.random_faults, "plan", lambda id_: FillPlan(share=D(0)))
    await carrying.venue.place(carrying.request(str(LONG)), stops=[stop(carrying)])
    assert (held(carrying), await carrying.venue.stops.waiting()) == (0, [])


async def test_a_carried_stop_that_is_not_placed_is_missed_in_the_list(
    carrying: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    doomed(carrying, monkeypatch, unattached=True)
    await carrying.venue.place(carrying.request(str(LONG), 7), stops=[stop(carrying)])
    assert (held(carrying), await carrying.venue.stops.waiting()) == (LONG, [])
    assert isinstance(await carrying.venue.stops.find(SYM, STOP, f"{1:032x}"), Absent)


async def test_a_carried_stop_beyond_the_price_refuses_the_entry(carrying: Pair) -> None:
    if carrying.place is HYPERLIQUID:
        carrying.fake.engine.set("child_tpsl", "refuses")
    answer = await carrying.venue.place(carrying.request(str(LONG)), stops=[stop(carrying, price=ABOVE)])
    assert isinstance(answer, Refused), answer
    assert (held(carrying), carrying.fake.engine.stops.all()) == (0, [])


async def test_bybits_entry_gives_the_position_its_own_stop_and_take_profit() -> None:
    """Full: one of a kind, which the next entry changes."""
    async with trading(BYBIT) as pair:
        await pair.venue.place(pair.request(str(LONG)), stops=[stop(pair), stop(pair, 2, TAKE, ABOVE)])
        await pair.venue.place(pair.request(str(LONG), 2), stops=[stop(pair, 3, price=FAR_BELOW)])
        waiting = {one.kind: one.trigger_price for one in await pair.venue.stops.waiting()}
        assert waiting == {STOP: FAR_BELOW, TAKE: ABOVE}


async def test_what_no_entry_can_carry_is_an_error_of_the_caller() -> None:
    async with trading(BINANCE) as pair:
        with pytest.raises(ValueError, match="stop goes with no entry"):
            await pair.venue.place(pair.request(str(LONG)), stops=[stop(pair)])
        assert pair.sent == 0
    async with trading(OKX) as pair:
        with pytest.raises(ValueError, match="take_profit goes with no entry"):
            await pair.venue.place(pair.request(str(LONG)), stops=[stop(pair, 1, TAKE, ABOVE)])


@pytest.mark.parametrize(("qty", "reduce_only"), [(SHORT, False), (LONG, True)])
async def test_a_stop_of_another_position_goes_with_no_order(carrying: Pair, qty: Decimal, reduce_only: bool) -> None:
    with pytest.raises(ValueError, match="is none of this order's position"):
        await carrying.venue.place(carrying.request(str(qty), reduce_only=reduce_only), stops=[stop(carrying)])
    assert carrying.sent == 0


async def test_an_order_that_is_not_there_is_absent(swap: Pair) -> None:
    assert isinstance(await swap.venue.stops.order(SYM, swap.place.order_id(7)), Absent)


FAULTS = [
    (Fault(FaultMode.STATUS), False), (Fault(FaultMode.DROP), False), (Fault(FaultMode.STATUS, after=True), True),
    (Fault(FaultMode.DROP, after=True), True), (Fault(FaultMode.HTML, after=True), True), (Fault(FaultMode.CUT), True),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FAULTS)))
async def test_nobody_knows_so_it_is_sent_once_and_looked_for(swap: Pair, number: int) -> None:
    fault, taken = FAULTS[number]
    await hold(swap)
    path = SENDS[swap.place.exchange]
    swap.fake.server.faults.append(Fault(fault.mode, path, after=fault.after, method="POST"))
    answer = await swap.venue.stops.place(stop(swap))
    assert isinstance(answer, Ambiguous), answer
    assert sends(swap) == 1
    found = await swap.venue.stops.find(SYM, STOP, f"{1:032x}")
    assert isinstance(found, StopReport if taken else Absent)
    sets = swap.venue.stops.form.replaced == "in_place"
    again = await swap.venue.stops.place(stop(swap, 2, whole=sets or not taken))
    assert isinstance(again, StopReport), "a second one protects, too, and is told by the list"
    assert len(await swap.venue.stops.waiting()) == (2 if taken and not sets else 1)


async def test_nothing_is_written_before_it_is_cleared_or_when_it_is_not(swap: Pair) -> None:
    await hold(swap)
    asked, go = asyncio.Event(), asyncio.Event()

    async def cleared() -> None:
        asked.set()
        await go.wait()

    async def refused() -> None:
        raise NotCleared("the lease is over")

    placing = asyncio.create_task(swap.venue.stops.place(stop(swap), cleared))
    await asked.wait()
    await swap.venue.stops.waiting()
    assert sends(swap) == 0
    go.set()
    assert isinstance(await placing, StopReport)
    assert sends(swap) == 1
    assert await swap.venue.stops.place(stop(swap, 2), refused) == Ambiguous("not sent: the lease is over")
    late = stop(swap, 3)._replace(at_ms=swap.venue.now_ms() - 5001)
    over = await swap.venue.stops.place(late)
    assert isinstance(over, Refused) and over.reason is Reason.REQUEST_EXPIRED
    assert sends(swap) == 1


async def test_a_request_that_comes_late_is_refused_but_for_okx(swap: Pair) -> None:
    """OKX: an algo order honours no expTime; the 30 s of a signed timestamp are all that bounds it."""
    await hold(swap)
    swap.fake.state.skew_ms = 10_000
    answer = await swap.venue.stops.place(stop(swap))
    if swap.venue.stops.form.expires:
        assert isinstance(answer, Refused) and answer.reason is Reason.REQUEST_EXPIRED
        assert swap.place is not OKX
    else:
        assert isinstance(answer, StopReport)
    assert (len(swap.fake.engine.stops.waiting()), sends(swap)) == (0 if swap.venue.stops.form.expires else 1, 1)


async def test_one_that_was_acknowledged_may_not_be_seen_yet(swap: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absent is no proof: https://github.com/freqtrade/freqtrade/issues/12681."""
    await hold(swap)
    doomed(swap, monkeypatch, shown_ms=60_000)
    answer = await placed(swap)
    assert await swap.venue.stops.waiting() == []
    assert isinstance(await swap.venue.stops.find(SYM, STOP, answer.stop_id, answer.venue_id), Absent)
    assert not swap.venue.stops.form.absent_proves
    swap.fake.state.skew_ms = 61_000
    await swap.venue.server_time_ms()
    assert (await seen(swap, answer)).phase is StopPhase.WAITING


async def test_the_orders_id_may_come_late(told: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    await hold(told)
    doomed(told, monkeypatch, order_ms=30_000, told_ms=30_000)
    answer = await placed(told)
    price(told, D(40_900))
    assert ((await seen(told, answer)).phase, held(told)) == (StopPhase.TRIGGERING, LONG)
    told.fake.state.skew_ms = 31_000
    await told.venue.server_time_ms()
    assert ((await seen(told, answer)).phase, held(told)) == (StopPhase.TRIGGERING, 0)
    fill = (await told.venue.fills(SYM, told.venue.now_ms() - 120_000))[-1]
    told.fake.state.skew_ms = 62_000
    await told.venue.server_time_ms()
    found = await seen(told, answer)
    assert (found.phase, found.order_id) == (StopPhase.TRIGGERED, fill.venue_order_id)


async def test_what_stays_when_the_position_is_closed_is_told_by_the_list(
    swap: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Binance's stays always, Hyperliquid's may; one that OKX or Bybit should cancel stays where `orphan` says so."""
    for number, orphan in enumerate((False, True), 1):
        doomed(swap, monkeypatch, orphan=orphan)
        await hold(swap, number=900 + number)
        await placed(swap, number)
        await hold(swap, SHORT, number=910 + number)
        left = await swap.venue.stops.waiting()
        assert len(left) == (1 if orphan or swap.place in (BINANCE, HYPERLIQUID) else 0)
        for one in left:
            assert isinstance(await swap.venue.stops.cancel(one), StopReport)
        assert await swap.venue.stops.waiting() == []


async def test_a_carried_one_of_okx_stays_when_its_position_is_closed() -> None:
    """https://github.com/okxapi/python-okx/issues/112"""
    async with trading(OKX) as pair:
        await pair.venue.place(pair.request(str(LONG)), stops=[stop(pair)])
        await hold(pair, SHORT)
        (left,) = await pair.venue.stops.waiting()
        assert (left.stop_id, held(pair)) == (f"{1:032x}", 0)


async def test_a_carried_one_of_okx_may_open_the_reverse_and_its_row_says_so() -> None:
    """attachAlgoOrds has no reduceOnly: https://github.com/yubing744/trading-gpt/pull/74."""
    async with trading(OKX) as pair:
        await pair.venue.place(pair.request(str(LONG)), stops=[stop(pair)])
        await hold(pair, SHORT)
        (left,) = await pair.venue.stops.waiting()
        assert (left.reduce_only, pair.venue.stops.form.attached_reduces) == (False, False)
        price(pair, D(40_900))
        assert held(pair) == SHORT


async def test_one_that_was_placed_here_in_its_place_cannot() -> None:
    async with trading(OKX) as pair:
        await pair.venue.place(pair.request(str(LONG)), stops=[stop(pair)])
        (carried,) = await pair.venue.stops.waiting()
        replaced = await pair.venue.stops.replace(carried, stop(pair, 2))
        assert isinstance(replaced.new, StopReport) and isinstance(replaced.old, StopReport)
        assert (replaced.new.whole, replaced.new.reduce_only) == (True, True)
        (listed,) = await pair.venue.stops.waiting()
        assert (listed.stop_id, listed.whole, listed.reduce_only) == (f"{2:032x}", True, True)
        await hold(pair, SHORT)
        price(pair, D(40_900))
        assert held(pair) == 0


async def test_all_that_are_placed_here_only_reduce(swap: Pair) -> None:
    await hold(swap)
    for number, kind in enumerate(sorted(swap.venue.stops.form.kinds), 1):
        await placed(swap, number, kind, ABOVE if kind is TAKE else BELOW, trail_bps=D(100) if kind is TRAIL else None)
    listed = await swap.venue.stops.waiting()
    assert [one.reduce_only for one in listed] == [True] * len(swap.venue.stops.form.kinds)
    assert swap.venue.stops.form.attached_reduces == (swap.place in (BYBIT, HYPERLIQUID))


async def test_a_trailing_stop_follows_the_price_at_the_exchange(swap: Pair) -> None:
    if TRAIL not in swap.venue.stops.form.kinds:
        refused = await swap.venue.stops.place(stop(swap, kind=TRAIL, trail_bps=D(100)))
        assert isinstance(refused, Refused) and "trail: no such stop is known of hyperliquid's" in refused.text
        assert sends(swap) == 0
        return
    await hold(swap)
    await placed(swap, kind=TRAIL, price=D(42_000), trail_bps=D(100))
    (listed,) = await swap.venue.stops.waiting()
    assert listed.kind is TRAIL
    price(swap, D(44_000))
    price(swap, D(43_700))
    assert held(swap) == LONG
    price(swap, D(43_500))
    assert held(swap) == 0


@pytest.mark.parametrize("bps", [None, D("0.5"), D(20_000)])
async def test_a_trail_that_the_exchange_does_not_have_is_not_sent(swap: Pair, bps: Decimal | None) -> None:
    await hold(swap)
    answer = await swap.venue.stops.place(stop(swap, kind=TRAIL, trail_bps=bps))
    assert isinstance(answer, Refused) and answer.reason is Reason.NOT_SENT
    assert sends(swap) == 0


@pytest.mark.parametrize(
    "changes", [{"price": D(0)}, {"held_qty": D(0)}, {"held_qty": D("0.0100001")}, {"stop_id": "no id"},
                {"validity_ms": 600_000}],
)  # fmt: skip
async def test_what_no_exchange_takes_is_not_sent(swap: Pair, changes: dict[str, object]) -> None:
    await hold(swap)
    answer = await swap.venue.stops.place(stop(swap)._replace(**changes))  # type: ignore[arg-type]
    assert isinstance(answer, Refused) and answer.reason is Reason.NOT_SENT
    assert sends(swap) == 0


async def test_without_a_position_bybit_takes_none() -> None:
    """Also right after a fill: 10001 "zero position"."""
    async with trading(BYBIT) as pair:
        answer = await pair.venue.stops.place(stop(pair))
        assert isinstance(answer, Refused) and answer.reason is Reason.NOTHING_TO_REDUCE
        assert isinstance(await pair.venue.stops.cancel(StopReport(SYM, STOP, StopPhase.WAITING, "")), Absent)


async def test_one_that_is_there_already_is_taken() -> None:
    """Bybit's 34040."""
    async with trading(BYBIT) as pair:
        await hold(pair)
        assert await placed(pair) == await placed(pair)
        assert len(await pair.venue.stops.waiting()) == 1


async def test_okx_gets_our_id_and_no_brokers_tag() -> None:
    """ccxt adds a clOrdId and a tag of its own to an order-algo that has none."""
    async with trading(OKX) as pair:
        await hold(pair)
        await placed(pair)
        (request,) = pair.fake.server.requests
        sent = json.loads(request.body)
        assert (sent["algoClOrdId"], sent["clOrdId"]) == (f"{1:032x}", f"{1:032x}")
        assert "tag" not in sent


@pytest.mark.parametrize("place", SPOTS, ids=named)
async def test_where_none_is_known_each_is_refused_by_the_exchanges_name(place: Place) -> None:
    async with trading(place) as pair:
        assert pair.venue.stops.form.kinds == frozenset()
        answer = await pair.venue.stops.place(stop(pair))
        assert isinstance(answer, Refused) and answer.reason is Reason.NOT_SENT
        assert f"{place.exchange}'s {place.kind} markets" in answer.text
        assert (await pair.venue.stops.waiting(), len(pair.fake.server.requests)) == ([], 0)


async def test_more_than_a_page_of_them_is_listed() -> None:
    async with trading(OKX) as pair:
        await hold(pair)
        for number in range(205):
            pair.fake.engine.stops.place(
                EngineStop(0, f"{number:032x}", OKX.id, "sl", -1, D("0.001"), D(30_000 + number), False, 0, 0),
                StopFate(), pair.fake.state.now_ms(),
            )  # fmt: skip
        assert len({one.venue_id for one in await pair.venue.stops.waiting()}) == 205
        assert len(await pair.venue.stops.waiting([SYM])) == 205


async def test_by_default_the_simulator_is_not_kind_to_stops() -> None:
    """Fails, lags and orphans are on unless a tester switches them off."""
    async with trading(BINANCE) as pair:
        pair.fake.state.stop_faults.chances = type(pair.fake.state.stop_faults)().chances
        fates = [pair.fake.state.stop_faults.fate(f"{number}") for number in range(400)]
        assert 20 < sum(fate.at_trigger == "fails" for fate in fates) < 70
        assert all(any(getattr(fate, name) for fate in fates) for name in ("shown_ms", "order_ms", "told_ms"))
        assert sum(fate.orphan for fate in fates) > 100
        assert any(fate.unattached for fate in fates)


async def test_old_and_new_answers_are_of_the_types_that_a_journal_keeps(swap: Pair) -> None:
    await hold(swap)
    await placed(swap)
    (old,) = await swap.venue.stops.waiting()
    assert isinstance(await swap.venue.stops.replace(old, stop(swap, 2, price=FAR_BELOW)), Replaced)
    kept = swap.fake.engine.stops.waiting()
    assert [one.trigger for one in kept] == [FAR_BELOW]
    assert {one.state for one in swap.fake.engine.stops.all()} <= {StopState.WAITING, StopState.CANCELED}


async def everything(pair: Pair) -> list[tuple[EngineStop, StopReport | Absent | Ambiguous]]:
    """Each stop that the engine has, and what the venue tells of it in the end, so that no order is two stops'."""
    found, taken = [], set[str]()
    for kept in pair.fake.engine.stops.all(pair.fake.state.now_ms()):
        id_ = pair.place.order_id(kept.id)
        told_ = await pair.venue.stops.find(SYM, STOP, kept.client_id, id_, taken)
        if isinstance(told_, StopReport) and told_.order_id:
            taken.add(told_.order_id)
        found.append((kept, told_))
    return found


async def test_at_random_what_is_told_of_each_stop_is_what_became_of_it(swap: Pair) -> None:
    """Requests are lost and repeated, triggers fail and lag; the books follow from the orders that stops became."""
    faults, dice = swap.fake.state.stop_faults, random.Random(swap.place.exchange)
    faults.chances, faults.late_ms = {**type(faults)().chances, "fails": 0.2, "expires": 0.1, "short": 0.1}, 2
    lost = dict.fromkeys(("status_before", "status_after", "drop_before", "drop_after", "html"), 0.04)
    number, answers = 0, list[object]()
    for _ in range(25):
        swap.fake.state.random_faults.chances = {}
        price(swap, D(42_000))
        number += 1
        await hold(swap, LONG - held(swap), number) if held(swap) != LONG else None
        swap.fake.state.random_faults.chances = lost
        for _ in range(3):  # nobody knows, so another one is placed
            number += 1
            answer = await swap.venue.stops.place(stop(swap, number, price=D(dice.choice((41_000, 41_900, 42_100)))))
            answers.append(answer)
            if not isinstance(answer, Ambiguous):
                break
        price(swap, D(dice.choice((41_950, 41_500, 40_500))))
        for one in await swap.venue.stops.waiting():
            await swap.venue.stops.cancel(one)
    swap.fake.state.random_faults.chances = {}
    swap.fake.state.skew_ms += 1000  # whatever was late is there
    swap.fake.engine.advance(swap.fake.state.now_ms())
    booked, phases = dict[str, Decimal](), set[str]()
    for kept, told_ in await everything(swap):
        assert isinstance(told_, StopReport), (kept, told_)
        phases.add(told_.phase)
        assert (kept.state == StopState.TRIGGERED) == bool(kept.order_id)
        if told_.order_id:
            order = await swap.venue.stops.order(SYM, told_.order_id)
            assert isinstance(order, OrderStatusReport)
            booked[told_.order_id] = order.filled_qty  # which of two it is Hyperliquid may not tell
        elif kept.state != StopState.TRIGGERED:
            assert told_.phase is {
                StopState.CANCELED: StopPhase.CANCELED, StopState.FAILED: StopPhase.FAILED,
                StopState.WAITING: StopPhase.WAITING, StopState.TRIGGERING: told_.phase,
            }[StopState(kept.state)]  # fmt: skip
    mine = {one.order_id for one in swap.fake.engine.stops.all() if one.order_id}
    assert sum(booked.values()) == sum(fill.qty for fill in swap.fake.engine.fills if fill.order_id in mine)
    assert phases >= {StopPhase.TRIGGERED, StopPhase.FAILED, StopPhase.CANCELED}
    assert {type(answer) for answer in answers} >= {StopReport, Beyond, Ambiguous}
