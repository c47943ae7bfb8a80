"""The oracle catches what is planted in an account: a double send, a lost report, a book that is not the exchange's."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import msgpack
import pytest

from services.simulator.engine.events import NewOrder
from services.simulator.simulator import serving
from tests.oracle.account import (
    JournalOrder,
    JournalSeen,
    VenueOrder,
    VenueSeen,
    added_between,
    at_rest_faults,
    read_journal,
    read_venue,
    sent_twice,
)
from tests.oracle.streams import Entry, Streams

A, B = "BTCUSDT", "id-1"
FILL: dict[str, Any] = {"sym": A, "client_order_id": B, "status": "FILLED", "last_qty": Decimal("0.5")}


def packed(**fields: object) -> bytes:
    """As it lies on the wire: an amount is extension 1."""
    return msgpack.packb(fields, default=lambda amount: msgpack.ExtType(1, str(amount).encode()))


@dataclass(frozen=True)
class Seen:
    """An account at rest, of one order that was filled."""

    journal: JournalSeen
    venue: VenueSeen
    streams: Streams

    @property
    def faults(self) -> list[str]:
        return sent_twice(self.venue) + at_rest_faults(self.journal, self.venue, self.streams)


GOOD = Seen(
    JournalSeen({B: JournalOrder(A, "FILLED", Decimal("0.5"))}, {A: [{**FILL, "seq": 1}]}, {}, "bus"),
    VenueSeen([VenueOrder(B, A, False, 1_000)], {B: Decimal("0.5")}, {A: Decimal("0.5")}, {B: 1}),
    {
        ("orders", A): [Entry(1, packed(client_order_id=B))],
        ("executions", A): [Entry(1, packed(**FILL))],
        ("decisions", A): [Entry(1, packed(booked_n=0, signed_qty=Decimal(0)))],
    },
)


def with_venue(**fields: object) -> Seen:
    return replace(GOOD, venue=GOOD.venue._replace(**fields))


def with_journal(**fields: object) -> Seen:
    return replace(GOOD, journal=GOOD.journal._replace(**fields))


def test_a_good_account_is_good() -> None:
    assert GOOD.faults == []


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        (with_venue(asked={B: 2}), "id-1 was sent 2 times"),
        (with_venue(orders=[*GOOD.venue.orders] * 2), "id-1 is on the venue 2 times"),
        (with_venue(asked={B: 1, "id-2": 1}), "id-2 is on the venue, and not in the journal"),
        (with_venue(held={A: Decimal(1)}), "BTCUSDT: 0.5 in the books, 1 on the venue"),
        (with_venue(traded={B: Decimal("0.4")}), "id-1: 0.4 on the venue, 0.5 in the journal"),
        (with_journal(orders={B: JournalOrder(A, "UNKNOWN", Decimal("0.5"))}), "id-1 never ended: UNKNOWN"),
        (with_journal(reports={A: [{**FILL, "seq": 2}]}), "BTCUSDT: the journal's reports are not numbered from 1"),
        (
            replace(GOOD, streams={**GOOD.streams, ("orders", A): [Entry(1, packed(client_order_id="id-3"))]}),
            "id-3 was asked for, and the journal lacks it",
        ),
        (
            replace(GOOD, streams={key: GOOD.streams[key] for key in (("orders", A), ("decisions", A))}),
            "BTCUSDT: 1 reports in the journal, 0 on the stream",
        ),
        (
            replace(
                GOOD, streams={**GOOD.streams, ("executions", A): [Entry(1, packed(**FILL | {"status": "EXPIRED"}))]}
            ),
            "BTCUSDT: report 1 in the journal is another one on the stream",
        ),
    ],
)
def test_a_plant_is_caught(planted: Seen, said: str) -> None:
    assert planted.faults == [said]


@pytest.mark.parametrize(("booked_n", "qty"), [(1, Decimal(0)), (0, Decimal("0.5")), (2, Decimal("0.5"))])
def test_a_book_that_is_not_the_journals_is_found(booked_n: int, qty: Decimal) -> None:
    decided = {("decisions", A): [Entry(7, packed(booked_n=booked_n, signed_qty=qty))]}
    said = f"BTCUSDT: decision 7 stood on {qty} after report {booked_n}, the journal says otherwise"
    assert replace(GOOD, streams={**GOOD.streams, **decided}).faults == [said]


def test_exposure_that_is_added_in_a_time_is_found() -> None:
    orders = [
        VenueOrder("before", A, False, 999),
        VenueOrder("closes", A, True, 1_500),
        VenueOrder("adds", A, False, 2_000),
    ]
    venue = GOOD.venue._replace(orders=orders)
    assert added_between(venue, 1_000, 3_000) == ["adds of BTCUSDT added exposure 1.0 s after the fault"]


def test_a_journal_is_read_as_it_lies_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "CREATE TABLE orders (account, client_order_id, sym, state, filled_qty);"
            "CREATE TABLE executions (account, book, seq, report);"
            "CREATE TABLE latches (account, name, reason);"
            "CREATE TABLE accounts (account, bus_id);"
            "INSERT INTO orders VALUES ('main', 'id-1', 'BTCUSDT', 'FILLED', '0.5');"
            "INSERT INTO latches VALUES ('main', 'OTHER_BUS', 'why');"
            "INSERT INTO accounts VALUES ('main', 'bus');"
        )
        database.execute("INSERT INTO executions VALUES ('main', 'book', 1, ?)", [packed(**FILL)])
        database.commit()
    assert read_journal(path) == GOOD.journal._replace(latches={"OTHER_BUS": "why"})


async def test_the_exchange_says_how_often_an_order_came_taken_or_not() -> None:
    async with serving("binance") as fake, aiohttp.ClientSession() as session:
        fake.engine.place(NewOrder("BTCUSDT", Decimal("0.5"), "taken", reduce_only=False), fake.state.now_ms())
        for _ in range(2):
            url = f"{fake.url}/fapi.binance.com/fapi/v1/order?newClientOrderId={B}"
            async with session.post(url) as answer:  # not signed, so refused
                assert answer.status >= 400
        venue = await asyncio.to_thread(read_venue, fake.url)
    assert sent_twice(venue) == ["id-1 was sent 2 times"]
    assert [(order.client_id, order.sym) for order in venue.orders] == [("taken", A)]
    assert venue.traded == {"taken": Decimal("0.5")}
    assert venue.held[A] == Decimal("0.5")
