"""Whose trades a comparison asks for, and when."""

from collections.abc import Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.gateway.execution.account_reader import TRADES_A_ROUND, AccountReader, look_up
from shared.errors import VenueError
from shared.exchanges.trading.venue import Venue
from shared.messages import OrderPhase
from shared.orders import Absent, OrderState, VenueFill

SYMS = [f"C{number}USDT" for number in range(35)]


class Asked:
    """A venue that keeps whose trades it was asked for."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.fills_at_once = at_once
        self.gone: frozenset[str] = frozenset()
        self.asked: list[list[str]] = []
        self.open: list[str] = []
        self.broken = False

    async def all_fills(self, syms: Sequence[str], since_ms: int) -> list[Any]:
        self.asked.append(list(syms))
        return []

    async def all_open_orders(self) -> list[Any]:
        if self.broken:
            raise VenueError("it does not answer")
        return [SimpleNamespace(sym=sym) for sym in self.open]

    async def nothing(self, *given: Any) -> list[Any]:
        return []

    waiting_orders = positions = funding = nothing


def reader(venue: Asked) -> AccountReader:
    return AccountReader(cast(Venue, venue), SYMS)


async def test_a_venue_that_tells_all_at_once_is_asked_for_all() -> None:
    venue = Asked(at_once=True)
    made = reader(venue)
    for _ in range(3):
        assert (await made.read(1, 0, ())).traded == frozenset(SYMS)
    assert venue.asked == [SYMS] * 3


async def test_by_symbol_all_come_first_and_then_in_turn() -> None:
    venue = Asked()
    made = reader(venue)
    assert (await made.read(1, 0, ())).traded == frozenset(SYMS)
    later = [await made.read(1, 0, ()) for _ in range(4)]
    assert [len(read.traded) for read in later] == [TRADES_A_ROUND] * 4
    assert frozenset[str]().union(*(read.traded for read in later)) == frozenset(SYMS)


async def test_what_is_urgent_is_in_every_round_and_the_others_still_have_their_turn() -> None:
    venue = Asked()
    made = reader(venue)
    await made.read(1, 0, ())
    urgent = SYMS[:12]
    seen: set[str] = set()
    for _ in range(23):
        read = await made.read(1, 0, urgent)
        assert read.traded >= set(urgent)
        seen |= read.traded
    assert seen == set(SYMS)


async def test_a_symbol_with_open_orders_is_in_the_next_round() -> None:
    venue = Asked()
    made = reader(venue)
    await made.read(1, 0, ())
    venue.open = [SYMS[34]]
    assert SYMS[34] not in (await made.read(1, 0, ())).traded
    assert SYMS[34] in (await made.read(1, 0, ())).traded


async def test_a_round_that_failed_is_asked_again_whole() -> None:
    venue = Asked()
    venue.broken = True
    made = reader(venue)
    with pytest.raises(VenueError):
        await made.read(1, 0, ())
    venue.broken = False
    assert (await made.read(1, 0, ())).traded == frozenset(SYMS)


class Forgetful:
    """A venue that does not know an order any more, and has a trade of it and one of another."""

    def now_ms(self) -> int:
        return 9_000

    async def find(self, sym: str, name: str, since_ms: int) -> Absent:
        return Absent(8_000)

    async def fills(self, sym: str, since_ms: int) -> list[VenueFill]:
        qty = Decimal(2)
        return [VenueFill(id_, id_, "", sym, qty, Decimal(50), Decimal(0), "USDT", 1) for id_ in ("v", "another")]


@pytest.mark.parametrize(
    ("state", "traded"),
    [
        (OrderState(Decimal(3), OrderPhase.NEW, venue_order_id="v"), None),
        (OrderState(Decimal(3), OrderPhase.CANCELING, venue_order_id="v"), 2),
        (OrderState(Decimal(3), OrderPhase.UNKNOWN, venue_order_id="v", canceled_ms=1), 2),
        (OrderState(Decimal(3), OrderPhase.CANCELING, venue_order_id="x", became="v"), 2),
        (OrderState(Decimal(3), OrderPhase.CANCELING, venue_order_id="x"), 0),
        (OrderState(Decimal(3), OrderPhase.CANCELING), None),
    ],
)
async def test_of_an_order_that_is_forgotten_behind_a_cancel_its_trades_are_asked_for(
    state: OrderState, traded: int | None
) -> None:
    """Whether or not the cancel was answered; where no id of it is known, no list of trades proves anything."""
    found = await look_up(cast(Venue, Forgetful()), "BTCUSDT", "a", state)
    assert isinstance(found, Absent)
    assert (found.traded_qty, found.paid) == (traded, 50 * (traded or 0))
