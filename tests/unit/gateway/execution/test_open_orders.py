"""What rests is watched by one list, whatever the number of orders."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import cast

import pytest

from services.gateway.execution.open_orders import MOST_FAILURES, OpenOrdersWatch
from services.gateway.execution.records import REST_MS, OpenOrder, open_order_of, rests
from shared.errors import VenueError
from shared.exchanges.trading.venue import Venue
from shared.messages import OrderPhase, OrderType, TimeInForce
from shared.orders import Absent, Answer, OrderStatusReport, VenueOrder
from tests.journal_rows import order

ZERO = Decimal(0)


class Listing:
    """A venue that lists what rests, and keeps which symbols it was asked for."""

    def __init__(self) -> None:
        self.rows: list[VenueOrder] = []
        self.asked: list[list[str]] = []
        self.broken = False

    async def all_open_orders(self, syms: Sequence[str] = ()) -> list[VenueOrder]:
        self.asked.append(list(syms))
        if self.broken:
            raise VenueError("it does not answer")
        return self.rows


def resting(number: int, sym: str = "BTCUSDT") -> OpenOrder:
    return open_order_of(order(number, sym=sym, state=OrderPhase.NEW, venue_order_id=f"v{number}"))


def row(one: OpenOrder, filled: str = "0", *, named: bool = True) -> VenueOrder:
    report = OrderStatusReport(OrderPhase.NEW, Decimal(filled), ZERO, one.state.venue_order_id)
    return VenueOrder(one.row.sym, one.name if named else "", report)


class Watched:
    """A watch, and the orders that wait for it."""

    def __init__(self) -> None:
        self.venue = Listing()
        self.watch = OpenOrdersWatch(cast(Venue, self.venue), 0.0)
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def add(self, *orders: OpenOrder) -> None:
        for one in orders:
            self.tasks[one.name] = asyncio.create_task(self.watch.changed(one))
        await asyncio.sleep(0)

    async def looks(self) -> set[str]:
        """The orders that are looked up after one reading of the list."""
        await self.watch.once()
        for _ in range(3):
            await asyncio.sleep(0)
        return {name for name, task in self.tasks.items() if task.done()}


async def test_one_question_for_all_and_none_while_nothing_rests() -> None:
    made, orders = Watched(), [resting(1), resting(2), resting(3, "ETHUSDT")]
    await made.looks()
    assert made.venue.asked == []
    await made.add(*orders)
    made.venue.rows = [row(one) for one in orders]
    assert await made.looks() == set()
    assert made.venue.asked == [["BTCUSDT", "ETHUSDT"]]


async def test_an_order_is_looked_up_when_the_list_lacks_it_or_shows_it_filled_otherwise() -> None:
    made, (same, gone, filled, nameless) = Watched(), [resting(number) for number in range(1, 5)]
    await made.add(same, gone, filled, nameless)
    made.venue.rows = [row(same), row(filled, "0.0005"), row(nameless, named=False)]
    assert await made.looks() == {gone.name, filled.name}


async def test_a_list_that_is_not_answered_says_nothing() -> None:
    made, one = Watched(), resting(1)
    await made.add(one)
    made.venue.broken = True
    assert await made.looks() == set()
    made.venue.broken = False
    assert await made.looks() == {one.name}
    assert await made.looks() == {one.name}
    assert len(made.venue.asked) == 2, "nobody waits any more"


async def test_behind_some_lists_that_are_not_answered_each_order_is_looked_up() -> None:
    """The list may be refused for ever, where an order by its id is not."""
    made, one = Watched(), resting(1)
    await made.add(one)
    made.venue.broken = True
    looked = [bool(await made.looks()) for _ in range(MOST_FAILURES)]
    assert looked == [False] * (MOST_FAILURES - 1) + [True]
    await made.add(one)
    assert [bool(await made.looks()) for _ in range(MOST_FAILURES)] == looked
    await made.add(one)
    await made.looks()
    made.venue.broken, made.venue.rows = False, [row(one)]
    await made.looks()
    made.venue.broken = True
    assert await made.looks() == set(), "they are counted in a row"


async def test_a_cancel_that_was_answered_has_the_order_looked_up() -> None:
    made, one, other, over = Watched(), resting(1), resting(2), resting(3)
    await made.add(one, other)
    made.watch.look(one)
    for _ in range(3):
        await asyncio.sleep(0)
    assert made.tasks[one.name].done()
    assert not made.tasks[other.name].done()
    one.rests = over.rests = True
    made.watch.look(one)  # it is looked up just now, and once more behind that
    made.watch.look(over)
    made.watch.forget(over)
    await made.add(one, over)
    assert made.tasks[one.name].done()
    assert not made.tasks[over.name].done()
    await made.add(one)
    assert not made.tasks[one.name].done()


def test_what_is_meant_to_rest_rests_from_its_first_answer_on() -> None:
    one = open_order_of(order(1, state=OrderPhase.NEW, type=OrderType.LIMIT, time_in_force=TimeInForce.GTC))
    assert rests(one, Answer(one.state.at_ms, OrderStatusReport(OrderPhase.NEW, ZERO, ZERO, "v1"), 1), 5_000)


@pytest.mark.parametrize(
    ("phase", "rested", "after_ms", "told", "wanted"),
    [
        (OrderPhase.NEW, False, REST_MS, OrderPhase.NEW, True),
        (OrderPhase.NEW, False, REST_MS - 1, OrderPhase.NEW, False),
        (OrderPhase.NEW, True, 0, OrderPhase.NEW, True),
        (OrderPhase.NEW, True, REST_MS, None, True),  # a replica that does not know it
        (OrderPhase.NEW, False, REST_MS, None, False),
        (OrderPhase.CANCELING, False, REST_MS, OrderPhase.PARTIALLY_FILLED, True),
        (OrderPhase.UNKNOWN, True, REST_MS, OrderPhase.CANCELED, False),
        (OrderPhase.FILLED, True, REST_MS, OrderPhase.FILLED, False),
    ],
)
def test_what_rests_is_what_was_shown_as_open_some_time_after_it_was_sent(
    phase: OrderPhase, rested: bool, after_ms: int, told: OrderPhase | None, wanted: bool
) -> None:
    one = open_order_of(order(1, state=phase))
    one.rests = rested
    at_ms = one.state.at_ms + after_ms
    event = Absent(at_ms) if told is None else Answer(at_ms, OrderStatusReport(told, ZERO, ZERO, "v1"), at_ms)
    assert rests(one, event, 0) is wanted


@pytest.mark.parametrize(("after_ms", "wanted"), [(4_999, False), (5_000, True)])
def test_what_a_lagging_read_may_still_show_as_open_does_not_rest(after_ms: int, wanted: bool) -> None:
    """It is on its way, and what must not go beside it waits, until no lag explains that it is shown."""
    one = open_order_of(order(1, state=OrderPhase.NEW, time_in_force=TimeInForce.IOC))
    at_ms = one.state.at_ms + after_ms
    assert rests(one, Answer(at_ms, OrderStatusReport(OrderPhase.NEW, ZERO, ZERO, "v1"), at_ms), 5_000) is wanted
