"""Books on the way out: a long one is read once, and what the venue tells of an order counts once."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.gateway.account import held_books
from services.gateway.account.closing_orders import own_part
from services.gateway.account.held_books import HeldBooks, settled
from shared.control.books import Booked, execution_row
from shared.journal.journal import Journal
from shared.journal.rows import OrderRow
from shared.messages import ExecutionReport, Leg, OrderPhase, OrderStatus
from shared.orders import Absent, Ambiguous, OrderStatusReport, VenueFill
from tests.journal_rows import BOOK, SYM, order

D = Decimal
SETTINGS: Any = SimpleNamespace(
    symbols=(SYM,), strategy=SimpleNamespace(instance="strategy"), gateway=SimpleNamespace(grace_ms=300)
)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with await Journal.open(f"sqlite:///{tmp_path}/journal.db", "main", durable=False) as opened:
        yield opened


class AnyVenue:
    """It says this of any order."""

    def __init__(self, what: OrderStatusReport | Absent | Ambiguous, at_ms: int, *trades: VenueFill) -> None:
        self.what, self.at_ms, self.trades = what, at_ms, trades
        self.stops: Any = None

    def now_ms(self) -> int:
        return self.at_ms

    async def find(self, *_: object) -> OrderStatusReport | Absent | Ambiguous:
        return self.what

    async def fills(self, *_: object) -> tuple[VenueFill, ...]:
        return self.trades

    def rules(self, _: str) -> Any:
        return SimpleNamespace(kind="spot", base="BTC", quote="USDT")


def report(n: int) -> ExecutionReport:
    return ExecutionReport(
        n=n, sym=SYM, ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id=f"booked00{n}", leg=Leg.OPEN,
        status=OrderStatus.FILLED, last_qty=D("0.010"), last_px=D(42_000), commission=D(0), reason=None,
    )  # fmt: skip


async def write(journal: Journal, *changes: Any) -> None:
    await journal.write(changes, await journal.raise_epoch("test"))


async def test_only_what_is_new_is_read(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a gateway has the account back before a long journal is read, again and again."""
    await write(journal, *(execution_row(BOOK, report(n), 1) for n in (1, 2)))
    executions, after = journal.executions, list[int]()

    async def noted(book: str, after_seq: int, limit: int) -> Any:
        after.append(after_seq)
        return await executions(book, after_seq, limit)

    monkeypatch.setattr(journal, "executions", noted)
    books = HeldBooks(SETTINGS, journal, cast(Any, None), [SYM], None, {BOOK: Booked(D("0.010"), 1)})
    await books.load()
    await write(journal, execution_row(BOOK, report(3), 1))
    await books.load()
    assert books.seen(SYM, D(1)).booked == D("0.030")
    assert min(after) == 1, "what was read before the flatten is not read again"
    assert [seq for seq in after if seq < 2] == [1]


async def test_an_order_that_ends_while_the_books_are_read_counts_once(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = order(signed_qty=D("0.010"))
    await write(journal, sent, execution_row(BOOK, report(1), 1))
    executions, done = journal.executions, list[int]()

    async def meanwhile(*given: Any) -> Any:
        if not done:
            done.append(1)
            await write(journal, sent._replace(state=OrderPhase.FILLED), execution_row(BOOK, report(2), 1))
        return await executions(*given)

    monkeypatch.setattr(journal, "executions", meanwhile)
    books = HeldBooks(SETTINGS, journal, cast(Any, None), [SYM], None, {})
    await books.load()
    assert (books.seen(SYM, D(1)).booked, books.seen(SYM, D(1)).unsettled) == (D("0.020"), ())


FILLED = OrderStatusReport(OrderPhase.FILLED, D("-0.010"), D(420), "7")
CUT = OrderStatusReport(OrderPhase.EXPIRED, D("-0.004"), D(168), "7")


@pytest.mark.parametrize(("what", "booked"), [(FILLED, "-0.010"), (CUT, "-0.004")], ids=["filled", "cut"])
async def test_what_has_ended_counts_by_what_was_filled(journal: Journal, what: Any, booked: str) -> None:
    await write(journal, order(signed_qty=D("-0.010"), valid_until_ms=5_000))
    books = await loaded(journal, AnyVenue(what, 0))
    assert await books.ask(SYM)
    assert not await books.ask(SYM), "once"
    assert (books.seen(SYM, D(1)).booked, books.seen(SYM, D(1)).unsettled) == (D(booked), ())


async def loaded(journal: Journal, venue: AnyVenue) -> HeldBooks:
    books = HeldBooks(SETTINGS, journal, cast(Any, venue), [SYM], None, {})
    await books.load()
    return books


async def test_what_never_came_is_said_twice_once_nothing_can_arrive(journal: Journal) -> None:
    await write(journal, order(signed_qty=D("-0.010"), valid_until_ms=5_000))
    venue = AnyVenue(Absent(0), 5_300)
    books = await loaded(journal, venue)
    for at_ms in (5_300, 5_301, 5_301):
        venue.at_ms = at_ms
        assert not await books.ask(SYM)
    venue.at_ms = 5_302
    assert await books.ask(SYM)
    assert (books.seen(SYM, D(1)).booked, books.seen(SYM, D(1)).unsettled) == (D(0), ())


@pytest.mark.parametrize(
    "what",
    [Absent(0), Ambiguous("no answer"), OrderStatusReport(OrderPhase.NEW, D(0), D(0), "7")],
    ids=["may come", "not told", "rests"],
)
@pytest.mark.parametrize(("qty", "ours"), [("-0.004", "0.006"), ("0.004", "0.010"), ("-0.020", "0")])
async def test_what_may_still_be_filled_holds_up_its_own_quantity_only(
    journal: Journal, what: Any, qty: str, ours: str
) -> None:
    """The position is larger: the rest may be savings, of which nobody has said so."""
    await write(journal, execution_row(BOOK, report(1), 1), order(signed_qty=D(qty), valid_until_ms=5_000))
    books = await loaded(journal, AnyVenue(what, 5_300))
    assert not await books.ask(SYM)
    assert list(books.untold(SYM)) == ["order000001"]
    assert own_part(books.seen(SYM, D(1))) == D(ours)


async def test_a_venue_that_does_not_answer_is_not_waited_for(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says later counts, without being asked for again."""
    monkeypatch.setattr(held_books, "ASKED_S", 0.0)
    await write(journal, execution_row(BOOK, report(1), 1), order(signed_qty=D("-0.004")))
    venue, go, asked = AnyVenue(CUT, 0), asyncio.Event(), list[int]()

    async def late(*_: object) -> OrderStatusReport:
        asked.append(1)
        await go.wait()
        return CUT

    monkeypatch.setattr(venue, "find", late)
    books = await loaded(journal, venue)
    assert not await books.ask(SYM)
    assert own_part(books.seen(SYM, D(1))) == D("0.006")
    go.set()
    monkeypatch.setattr(held_books, "ASKED_S", 60.0)
    assert await books.ask(SYM)
    assert (own_part(books.seen(SYM, D(1))), len(asked)) == (D("0.006"), 1)
    assert not books.untold(SYM)


BUY = OrderStatusReport(OrderPhase.FILLED, D("0.010"), D(420), "7")
TRADE = VenueFill("1", "7", "", SYM, D("0.010"), D(42_000), D("0.00001"), "BTC", 0)


async def test_a_buy_counts_less_its_fee_in_coins(journal: Journal) -> None:
    """Else that fee is sold out of somebody's savings. While the trades are not there it is a bound."""
    await write(journal, order(signed_qty=D("0.010")))
    venue = AnyVenue(BUY, 0)
    books = await loaded(journal, venue)
    assert not await books.ask(SYM)
    assert (own_part(books.seen(SYM, D(1))), list(books.untold(SYM))) == (D(0), ["order000001"])
    venue.trades = (TRADE,)
    assert await books.ask(SYM)
    assert own_part(books.seen(SYM, D(1))) == D("0.00999")


async def test_what_the_venue_has_forgotten_is_for_a_person_and_holds_up_nothing(journal: Journal) -> None:
    await write(journal, order(signed_qty=D("-0.010"), valid_until_ms=5_000, venue_order_id="7"))
    venue = AnyVenue(Absent(0), 5_301)
    books = await loaded(journal, venue)
    for at_ms, untold in ((5_301, ["order000001"]), (5_302, [])):
        venue.at_ms = at_ms
        assert not await books.ask(SYM)
        assert list(books.untold(SYM)) == untold
    assert books.seen(SYM, D(1)).unsettled == (D("-0.010"),)


@pytest.mark.parametrize(("filled", "ours"), [("0", "0.010"), ("0.001", "0.011")])
async def test_a_buy_that_is_forgotten_makes_nobodys_coins_ours(journal: Journal, filled: str, ours: str) -> None:
    """An IOC that met its limit, while no gateway was there. What was known of it counts; the rest may be savings."""
    bought = order(signed_qty=D("0.020"), valid_until_ms=5_000, venue_order_id="7", filled_qty=D(filled))
    await write(journal, execution_row(BOOK, report(1), 1), bought)
    venue = AnyVenue(Absent(0), 5_301)
    books = await loaded(journal, venue)
    for venue.at_ms in (5_301, 5_302):
        assert not await books.ask(SYM)
    assert not books.untold(SYM)
    assert own_part(books.seen(SYM, D(1))) == D(ours)


async def ends(journal: Journal, venue: AnyVenue, row: OrderRow, *times_ms: int) -> list[OrderPhase]:
    """Returns how the order ends in the journal, as asked at these times."""
    state, changes = None, list[Any]()
    for venue.at_ms in times_ms:
        if isinstance(venue.what, Absent):
            venue.what = Absent(venue.at_ms)
        state, changes = await settled(journal, cast(Any, venue), row, state, 300)
    return [change.state for change in changes if isinstance(change, OrderRow)]


async def test_an_order_of_another_book_that_is_not_there_ends_as_a_gateway_would_end_it(journal: Journal) -> None:
    """E.g. a close that was refused: else it stays for a person, and each later flatten asks for it again."""
    venue, row = AnyVenue(Absent(0), 0), order(book=f"older:{SYM}", valid_until_ms=5_000)
    assert await ends(journal, venue, row, 5_299, 5_300, 5_301) == []
    assert await ends(journal, venue, row, 5_301, 5_302) == [OrderPhase.EXPIRED]


async def test_a_stop_of_another_book_is_asked_for_by_what_it_has_become(journal: Journal) -> None:
    """The exchange knows that order by its own id only."""
    sold = order(book=f"older:{SYM}", signed_qty=D("-0.010"), stop_id="s1", became="7", state=OrderPhase.TRIGGERED)
    venue = AnyVenue(Absent(0), 0, TRADE._replace(signed_qty=D("-0.010"), fee_currency="USDT"))
    asked = list[str]()

    async def of_stop(_: str, became: str, __: Decimal) -> OrderStatusReport:
        asked.append(became)
        return FILLED

    venue.stops = SimpleNamespace(order=of_stop)
    assert (await ends(journal, venue, sold, 1), asked) == ([OrderPhase.FILLED], ["7"])
