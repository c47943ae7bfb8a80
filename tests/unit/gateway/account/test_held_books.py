"""Books on the way out: a long one is read once, and what the venue tells of an order counts once."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.gateway.account.held_books import HeldBooks
from shared.control.books import Booked, execution_row
from shared.errors import VenueError
from shared.journal.journal import Journal
from shared.messages import ExecutionReport, Leg, OrderPhase, OrderStatus
from shared.orders import Absent, Ambiguous, OrderStatusReport
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

    def __init__(self, what: OrderStatusReport | Absent | Ambiguous, at_ms: int) -> None:
        self.what, self.at_ms = what, at_ms

    def now_ms(self) -> int:
        return self.at_ms

    async def find(self, *_: object) -> OrderStatusReport | Absent | Ambiguous:
        return self.what


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


@pytest.mark.parametrize(
    ("what", "at_ms", "booked"),
    [(FILLED, 0, "-0.010"), (CUT, 0, "-0.004"), (Absent(0), 5_301, "0")],
    ids=["filled", "cut", "never came"],
)
async def test_what_has_ended_counts_by_what_was_filled(journal: Journal, what: Any, at_ms: int, booked: str) -> None:
    row = order(signed_qty=D("-0.010"), valid_until_ms=5_000)
    await write(journal, row)
    books = HeldBooks(SETTINGS, journal, cast(Any, AnyVenue(what, at_ms)), [SYM], None, {})
    await books.load()
    assert await books.ask(SYM)
    assert not await books.ask(SYM), "once"
    assert (books.seen(SYM, D(1)).booked, books.seen(SYM, D(1)).unsettled) == (D(booked), ())


@pytest.mark.parametrize(
    "what",
    [Absent(0), Ambiguous("no answer"), OrderStatusReport(OrderPhase.NEW, D(0), D(0), "7")],
    ids=["may come", "not told", "rests"],
)
async def test_what_may_still_be_filled_is_waited_for(journal: Journal, what: Any) -> None:
    await write(journal, order(signed_qty=D("-0.010"), valid_until_ms=5_000))
    books = HeldBooks(SETTINGS, journal, cast(Any, AnyVenue(what, 5_300)), [SYM], None, {})
    await books.load()
    with pytest.raises(VenueError, match=f"order order000001 of {BOOK} has no end yet"):
        await books.ask(SYM)
    assert books.seen(SYM, D(1)).unsettled == (D("-0.010"),)


async def test_what_the_venue_has_forgotten_is_for_a_person_and_holds_up_nothing(journal: Journal) -> None:
    await write(journal, order(signed_qty=D("-0.010"), valid_until_ms=5_000, venue_order_id="7"))
    books = HeldBooks(SETTINGS, journal, cast(Any, AnyVenue(Absent(0), 5_301)), [SYM], None, {})
    await books.load()
    assert not await books.ask(SYM)
    assert books.seen(SYM, D(1)).unsettled == (D("-0.010"),)
