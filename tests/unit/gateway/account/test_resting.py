"""What rests on the way out: asked for together, and one that cannot be asked or cancelled holds up no other."""

import asyncio
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import cast

import pytest

from services.gateway.account import resting as module
from services.gateway.account.resting import Resting
from shared.errors import VenueError
from shared.exchanges.trading.venue import Venue
from shared.messages.reasons import OrderPhase
from shared.orders.answers import OrderStatusReport, VenueOrder

SYMS = ("A", "B", "C")


class Orders:
    """A venue. there: symbols in which one rests and one waits; mute, fixed: that are not told, not cancelled."""

    def __init__(self, *there: str) -> None:
        self.there = set(there)
        self.mute: set[str] = set()
        self.fixed: set[str] = set()
        self.asked: list[tuple[str, ...]] = []
        self.cancelled: list[tuple[str, list[str] | None]] = []
        self.kept: list[frozenset[str]] = []

    async def all_open_orders(self, syms: Sequence[str]) -> list[VenueOrder]:
        self.asked.append(tuple(syms))
        if self.mute.intersection(syms):
            raise VenueError("no answer")
        return [_order(sym, "r") for sym in syms if sym in self.there]

    async def waiting_orders(self, syms: Sequence[str]) -> list[VenueOrder]:
        return [_order(sym, "w")._replace(waits=True) for sym in syms if sym in self.there]

    async def cancel_all(self, sym: str, shown: Sequence[VenueOrder] | None = None, keep: Collection[str] = ()) -> None:
        self.kept.append(frozenset(keep))
        if sym in self.fixed:
            raise VenueError(f"{sym} is not cancelled")
        self.cancelled.append((sym, shown and [order.report.venue_order_id for order in shown]))
        self.there.discard(sym)


def _order(sym: str, id_: str) -> VenueOrder:
    return VenueOrder(sym, "", OrderStatusReport(OrderPhase.NEW, Decimal(0), Decimal(0), id_ + sym))


def resting(venue: Orders) -> tuple[Resting, list[str]]:
    said: list[str] = []
    return Resting(cast(Venue, venue), SYMS, said.append), said


async def test_one_look_for_all_and_only_what_is_there_is_cancelled_by_what_was_seen() -> None:
    venue = Orders("B")
    made, said = resting(venue)
    assert await made.cancel() == "B", "until it is seen to be gone"
    assert said == []
    assert await made.cancel() == ""
    assert said == ["B: cancelled what was open"]
    assert (venue.asked, venue.cancelled) == ([SYMS] * 2, [("B", ["rB", "wB"])])


async def test_one_that_cannot_be_asked_holds_up_no_other() -> None:
    venue = Orders("A", "B")
    venue.mute = {"C"}
    made, _ = resting(venue)
    assert await made.cancel()
    assert (venue.there, made.failed >= {"C"}) == (set(), True)
    assert "no answer" in await made.cancel()
    assert made.failed == {"C"}
    venue.mute, venue.there = set(), {"C"}
    assert await made.cancel(made.failed) == "C"
    assert (await made.cancel(), made.failed) == ("", set())


async def test_one_that_is_not_cancelled_is_not_done_and_tried_again() -> None:
    venue = Orders("A", "B")
    venue.fixed = {"A"}
    made, _ = resting(venue)
    assert await made.cancel() == "A is not cancelled"
    assert (venue.there, made.failed) == ({"A"}, {"A"})
    venue.fixed = set()
    assert await made.cancel(made.failed) == "A"
    assert await made.cancel() == ""


async def test_what_no_list_shows_yet_is_cancelled_too() -> None:
    venue = Orders("A")
    venue.fixed = {"C"}
    made, _ = resting(venue)
    assert await made.cancel_unseen() == "C is not cancelled"
    assert venue.cancelled == [("A", None), ("B", None)]


async def test_a_stop_of_ours_stays() -> None:
    """By the exchange's id, or by ours; whatever else waits there goes."""
    venue = Orders("A", "B")
    made = Resting(cast(Venue, venue), SYMS, lambda _: None, {"wB", "ours"})
    assert await made.cancel() == "A, B"
    assert venue.cancelled == [("A", ["rA", "wA"]), ("B", ["rB"])]
    assert await made.cancel_unseen() == ""
    assert set(venue.kept) == {frozenset({"wB", "ours"})}


async def test_a_list_that_does_not_answer_is_not_waited_for_and_is_not_asked_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue, go = Orders("B"), asyncio.Event()
    lists = venue.all_open_orders

    async def late(syms: Sequence[str]) -> list[VenueOrder]:
        shown = await lists(syms)
        await go.wait()
        return shown

    monkeypatch.setattr(venue, "all_open_orders", late)
    monkeypatch.setattr(module, "PATIENCE_S", 0.0)
    made, _ = resting(venue)
    for _ in range(2):
        await made.cancel_beside()
    assert (venue.asked, venue.cancelled) == ([SYMS], [])
    go.set()
    monkeypatch.setattr(module, "PATIENCE_S", 60.0)
    await made.cancel_beside()
    assert (venue.asked, venue.cancelled) == ([SYMS], [("B", ["rB", "wB"])])


async def test_nothing_goes_on_beside_once_that_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    venue, ended = Orders(), list[str]()

    async def never(_: Sequence[str]) -> list[VenueOrder]:
        try:
            return await asyncio.Event().wait() and []
        finally:
            ended.append("list")

    monkeypatch.setattr(venue, "all_open_orders", never)
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    made, _ = resting(venue)
    await made.cancel_beside()
    await made.end()
    assert ended == ["list"]
