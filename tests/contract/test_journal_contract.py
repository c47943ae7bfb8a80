"""What a journal keeps, on SQLite and on PostgreSQL. Files and servers that fail stand in test_journal_trouble.py."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from shared.journal import writer
from shared.journal.database import Connection, Database, Fenced, WriteRefused
from shared.journal.journal import Journal
from shared.journal.rows import (
    ArmingRow,
    Change,
    DropArming,
    DropExternal,
    DropLatch,
    EpochRow,
    EventRow,
    ExternalRow,
    LatchRow,
    LimitRow,
    NakedRow,
    RequestRow,
    SetBusId,
)
from shared.journal.tables import ACCOUNTS, TABLES
from shared.messages import Leg, OrderPhase, Reason
from shared.messages.reasons import StopKind
from shared.orders.stop_life import StopLife
from shared.orders.stops import StopPhase
from tests.journal_process import locked
from tests.journal_rows import BOOK, SYM, execution, fill, funding, order
from tests.postgres import Postgres

HALT = LatchRow("halt", "a person said so", "ann", 7)
ARMING = ArmingRow(Decimal("2500.50"), 1, 2, "f" * 64, "ann")


@pytest.fixture(scope="module")
def made_url(postgres: Postgres) -> str:
    """A journal in PostgreSQL for all of these tests."""

    async def make() -> None:
        await (await Journal.open(url, "main", durable=True)).close()

    url = postgres.new_database()
    asyncio.run(make())
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def journal_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a journal is or may be made that has no rows yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/journal.db"
    url: str = request.getfixturevalue("made_url")
    names = ", ".join([ACCOUNTS, *(table.name for table in TABLES)])
    request.getfixturevalue("postgres").execute(f"TRUNCATE {names} RESTART IDENTITY", url)
    return url


@pytest.fixture
async def journal(journal_url: str) -> AsyncIterator[Journal]:
    async with await Journal.open(journal_url, "main", durable=True) as opened:
        yield opened


@pytest.fixture
async def epoch(journal: Journal) -> int:
    return await journal.raise_epoch("me")


def note(text: str) -> EventRow:
    return EventRow("note", "", "", text, 1)


async def notes(journal: Journal) -> list[str]:
    return [row.text for row in await journal.events(1000)]


@contextmanager
def counted_commits() -> Iterator[Callable[[], int]]:
    """How many transactions this process's writers have begun since; each ends with one commit."""
    count, begun = 0, writer.transaction

    def counted(database: Database, connection: Connection) -> AbstractContextManager[None]:
        nonlocal count
        count += 1
        return begun(database, connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "transaction", counted)
        yield lambda: count


# Epochs


async def test_an_epoch_is_raised_by_one_and_names_its_owner(journal: Journal) -> None:
    assert await journal.epoch() == EpochRow(0, "", 0)
    assert [await journal.raise_epoch("me"), await journal.raise_epoch("other")] == [1, 2]
    newest = await journal.epoch()
    assert (newest.epoch, newest.owner) == (2, "other")
    assert newest.raised_ms > 1_700_000_000_000


async def test_only_the_newest_epoch_may_write(journal: Journal) -> None:
    with pytest.raises(Fenced, match="epoch 0 may not write: nobody holds one yet"):
        await journal.write([note("early")], 0)
    mine = await journal.raise_epoch("me")
    await journal.write([note("mine")], mine)
    newer = await journal.raise_epoch("other")
    for wrong in (mine, 0, newer + 1):
        with pytest.raises(Fenced, match=f"account main: epoch {wrong} may not write: other holds 2"):
            await journal.write([note("fenced")], wrong)
    await journal.write([note("newer")], newer)
    assert await notes(journal) == ["mine", "newer"]


async def test_a_second_opening_fences_the_first(journal: Journal, journal_url: str) -> None:
    mine = await journal.raise_epoch("me")
    async with await Journal.open(journal_url, "main", durable=True) as other:
        await other.raise_epoch("other", [HALT])
    with pytest.raises(Fenced):
        await journal.write([order()], mine)
    assert await journal.order("order000001") is None
    assert await journal.latches() == {"halt": HALT}


async def test_the_changes_of_a_raised_epoch_are_all_or_nothing(journal: Journal) -> None:
    nonsense = ARMING._replace(max_notional=Decimal("NaN"))
    with pytest.raises(WriteRefused, match="is no amount"):
        await journal.raise_epoch("ann", [HALT, nonsense])
    assert await journal.epoch() == EpochRow(0, "", 0)
    assert await journal.latches() == {}


async def test_accounts_do_not_meet(journal: Journal, journal_url: str, epoch: int) -> None:
    await journal.write([order(), execution(), fill(), HALT, ARMING], epoch)
    async with await Journal.open(journal_url, "second", durable=True) as second:
        assert await second.epoch() == EpochRow(0, "", 0)
        assert (await second.orders(), await second.last_seqs(), await second.latches()) == ([], {}, {})
        assert await second.arming() is None
        own = await second.raise_epoch("me")
        await second.write([order(), execution(), fill(), DropLatch("halt"), DropArming()], own)
    await journal.write([HALT], epoch)
    assert await journal.arming() == ARMING


# Orders


async def test_an_order_changes_until_it_is_terminal(journal: Journal, epoch: int) -> None:
    sent, unknown = order(), order(state=OrderPhase.UNKNOWN)
    filled = order(
        state=OrderPhase.FILLED, filled_qty=Decimal("0.0010"), paid=Decimal("71.44010"), venue_order_id="9", order_n=4,
        reason=Reason.NO_EQUITY, epoch=2, updated_ms=9, commission=Decimal("-0.1"), signed_qty=Decimal("1E-3"),
        at_ms=8, valid_until_ms=9,
    )  # fmt: skip
    for row in (sent, unknown, filled):
        await journal.write([row], epoch)
        assert await journal.order(row.client_order_id) == row
    for late in (unknown, filled, order(state=OrderPhase.CANCELED)):
        with pytest.raises(WriteRefused, match="it is FILLED, which is final"):
            await journal.write([late], epoch)
    assert await journal.order("order000001") == filled


async def test_the_newest_tick_of_all_orders(journal: Journal, epoch: int) -> None:
    assert await journal.newest_tick_ns() == 0
    await journal.write([order(1, ts_event=7), order(2, ts_event=9), order(3, ts_event=8)], epoch)
    assert await journal.newest_tick_ns() == 9


async def test_a_known_id_with_other_content_is_refused(journal: Journal, epoch: int) -> None:
    await journal.write([order()], epoch)
    for other in (order(content="d" * 64), order(book="other:BTCUSDT")):
        with pytest.raises(WriteRefused, match="this id is known with other content"):
            await journal.write([other], epoch)
    assert await journal.order("order000001") == order()


async def test_orders_come_in_the_order_of_their_decisions(journal: Journal, epoch: int) -> None:
    close, opening = order(3, leg=Leg.CLOSE, ts_event=5, order_n=1), order(2, ts_event=5, order_n=2)
    done = order(4, ts_event=4, state=OrderPhase.EXPIRED, updated_ms=100)
    await journal.write([opening, done, close, order(9, state=OrderPhase.INTENT)], epoch)
    assert [row.client_order_id[-1] for row in await journal.orders()] == ["3", "2", "9"]
    assert [row.client_order_id[-1] for row in await journal.orders(open_only=False)] == ["4", "3", "2", "9"]
    assert [row.client_order_id[-1] for row in await journal.orders(open_only=False, since_ms=101)] == ["3", "2", "9"]
    assert await journal.order("unknown1") is None


@pytest.mark.parametrize("state", OrderPhase)
async def test_an_order_is_open_until_it_is_terminal(journal: Journal, epoch: int, state: OrderPhase) -> None:
    await journal.write([order(state=state)], epoch)
    terminal = state in ("FILLED", "CANCELED", "REJECTED", "EXPIRED")
    assert [row.state for row in await journal.orders()] == ([] if terminal else [state])


# Executions


async def test_a_book_counts_its_executions_without_a_hole(journal: Journal, epoch: int) -> None:
    assert (await journal.last_seq(BOOK), await journal.last_seqs()) == (0, {})
    for wrong in (0, 2):
        with pytest.raises(WriteRefused, match="the book's last execution is 0, so the next is 1"):
            await journal.write([execution(wrong)], epoch)
    await journal.write([execution(1), execution(2), execution(1, 9, "other:X")], epoch)
    for wrong in (1, 2, 4):
        with pytest.raises(WriteRefused, match="the book's last execution is 2, so the next is 3"):
            await journal.write([execution(wrong, 4)], epoch)
    await journal.write([execution(3)], epoch)
    assert await journal.executions(BOOK) == [execution(1), execution(2), execution(3)]
    assert await journal.executions(BOOK, after_seq=1, limit=1) == [execution(2)]
    everything = [execution(1, 9, "other:X"), execution(1), execution(2), execution(3)]
    assert await journal.all_executions(("", 0), 100) == everything
    for number, row in enumerate(everything):
        assert await journal.all_executions((row.book, row.seq), 2) == everything[number + 1 :][:2]
    assert await journal.last_seqs() == {BOOK: 3, "other:X": 1}
    assert await journal.last_seq(BOOK) == 3


async def test_an_order_has_one_report(journal: Journal, epoch: int) -> None:
    await journal.write([execution(1)], epoch)
    for second in (execution(2, 1), execution(1, 1, "other:X")):
        with pytest.raises(WriteRefused, match="client_order_id"):
            await journal.write([second], epoch)
    assert await journal.last_seqs() == {BOOK: 1}


# Trades and payments


async def test_the_same_trade_or_payment_counts_once(journal: Journal, epoch: int) -> None:
    await journal.write([fill(), funding()], epoch)
    await journal.write([fill(), funding(), fill("8", at_ms=4, client_order_id=""), funding("4", at_ms=9)], epoch)
    assert await journal.fills() == [fill("8", at_ms=4, client_order_id=""), fill()]
    assert await journal.fills(since_ms=5) == await journal.fills(client_order_id="order000001") == [fill()]
    assert await journal.funding() == [funding(), funding("4", at_ms=9)]
    assert await journal.funding(since_ms=6) == [funding("4", at_ms=9)]
    for other in (fill(fee=Decimal("1")), funding(amount=Decimal("1"))):
        with pytest.raises(WriteRefused, match="stands there with other content"):
            await journal.write([other], epoch)


async def test_whose_a_trade_was_may_be_told_later(journal: Journal, epoch: int) -> None:
    unnamed, named = fill(client_order_id=""), fill()
    for written, kept in ((unnamed, unnamed), (named, named), (unnamed, named)):
        await journal.write([written], epoch)
        assert await journal.fills() == [kept]
    for other in (fill(client_order_id="order000002"), fill(client_order_id="", price=Decimal(1))):
        with pytest.raises(WriteRefused, match="stands there with other content"):
            await journal.write([other], epoch)
    await journal.write([fill("8", client_order_id="")], epoch)
    with pytest.raises(WriteRefused, match="stands there with other content"):
        await journal.write([fill("8", price=Decimal(1))], epoch)
    assert await journal.fills() == [named, fill("8", client_order_id="")]


async def test_both_sides_of_a_trade_with_oneself_count(journal: Journal, epoch: int) -> None:
    sides = [fill(), fill(venue_order_id="98", client_order_id="", signed_qty=Decimal("-0.001"))]
    await journal.write(sides, epoch)
    assert {row.signed_qty for row in await journal.fills()} == {Decimal("0.001"), Decimal("-0.001")}


# Limits, latches, arming ...


async def test_limits_are_replaced(journal: Journal, epoch: int) -> None:
    await journal.write([LimitRow("day", b"\x00\xff"), LimitRow("rate", b"")], epoch)
    await journal.write([LimitRow("day", b"2")], epoch)
    assert await journal.limits() == {"day": b"2", "rate": b""}


async def test_a_person_needs_no_epoch(journal: Journal, epoch: int) -> None:
    away = ExternalRow("position", SYM, "", "0.5 more than booked", 3, "")
    await journal.write([HALT, away], epoch)
    await journal.write_by_person([DropLatch("halt"), ARMING, away._replace(adopted_by="ann"), SetBusId("b2")])
    assert (await journal.latches(), await journal.arming(), await journal.bus_id()) == ({}, ARMING, "b2")
    assert await journal.externals() == [away._replace(adopted_by="ann")]
    await journal.write([note("still mine")], epoch)
    await journal.write_by_person([DropArming(), DropArming(), DropLatch("none")])
    assert await journal.arming() is None


async def test_a_difference_that_is_no_more_is_taken_away(journal: Journal, epoch: int) -> None:
    gone, stays = (ExternalRow("POSITION", sym, sym, "0.5 more than booked", 3, "") for sym in (SYM, "ETHUSDT"))
    await journal.write([gone, stays], epoch)
    await journal.write([DropExternal("POSITION", SYM, SYM), DropExternal("POSITION", SYM, SYM)], epoch)
    assert await journal.externals() == [stays]


async def test_a_person_may_not_touch_what_is_the_gateways(journal: Journal) -> None:
    for change in (order(), execution(), fill(), LimitRow("day", b"")):
        with pytest.raises(TypeError, match="is no person's command"):
            await journal.write_by_person([change])  # type: ignore[list-item]
        with pytest.raises(TypeError, match="is no person's command"):
            await journal.raise_epoch("ann", [change])  # type: ignore[list-item]


async def test_the_bus_id_is_there_before_the_first_epoch(journal: Journal) -> None:
    assert await journal.bus_id() is None
    await journal.write_by_person([SetBusId("b1")])
    assert (await journal.bus_id(), await journal.epoch()) == ("b1", EpochRow(0, "", 0))
    await journal.raise_epoch("me")
    assert await journal.bus_id() == "b1"


async def test_externals_by_whether_they_are_adopted(journal: Journal, epoch: int) -> None:
    rows = [ExternalRow("trade", SYM, str(n), "", n, "ann" if n == 2 else "") for n in (1, 2)]
    await journal.write(rows, epoch)
    assert await journal.externals(adopted=False) == rows[:1]
    assert await journal.externals(adopted=True) == rows[1:]


async def test_the_newest_events_are_given(journal: Journal, epoch: int) -> None:
    await journal.write([note(str(n)) for n in range(5)], epoch)
    assert [row.text for row in await journal.events(2)] == ["3", "4"]


async def test_what_was_noted_of_an_order(journal: Journal, epoch: int) -> None:
    noted = [note("1")._replace(client_order_id="order000001"), note("2"), note("3")._replace(client_order_id="o2")]
    await journal.write([*noted, noted[0]._replace(text="4")], epoch)
    assert [row.text for row in await journal.events_of("order000001")] == ["1", "4"]


async def test_an_order_is_found_by_any_of_its_names(journal: Journal, epoch: int) -> None:
    """Our id, the exchange's, and that of one of its trades."""
    await journal.write([order(1, venue_order_id="77"), order(2, venue_order_id="78"), fill("t5")], epoch)
    for name, number in (("order000002", 2), ("78", 2), ("77", 1), ("t5", 1)):
        assert [row.client_order_id for row in await journal.orders_called(name)] == [f"order{number:06d}"]
    assert await journal.orders_called("order00000") == []


async def test_the_newest_orders_of_a_symbol_are_given(journal: Journal, epoch: int) -> None:
    other = order(9, sym="ETHUSDT", updated_ms=99)
    await journal.write([*(order(number, updated_ms=10 - number) for number in (1, 2, 3)), other], epoch)
    assert [row.order_n for row in await journal.newest_orders("BTCUSDT", 2)] == [2, 1]
    assert await journal.newest_orders("SOLUSDT", 2) == []


# Transactions


async def test_a_write_is_all_or_nothing(journal: Journal, epoch: int) -> None:
    with pytest.raises(WriteRefused):
        await journal.write([order(), fill(), HALT, note("no"), execution(2)], epoch)
    assert (await journal.orders(), await journal.fills(), await journal.latches()) == ([], [], {})
    assert await notes(journal) == []


@pytest.mark.parametrize(
    "nonsense",
    [
        order(price=Decimal("NaN")),
        order(paid=Decimal("-Infinity")),
        order(at_ms=2**63),
        order(state="ODD"),
        order(sym=None),
        order(tr="\ud800"),
    ],
)
async def test_what_cannot_be_kept_is_refused_and_the_rest_goes_on(
    journal: Journal, epoch: int, nonsense: Change
) -> None:
    with pytest.raises(WriteRefused):
        await journal.write([nonsense], epoch)
    await journal.write([order()], epoch)
    assert await journal.orders() == [order()]


async def test_writes_that_come_together_share_a_commit(journal: Journal, epoch: int, journal_url: str) -> None:
    with counted_commits() as commits:
        with locked(journal_url, "main"):
            writes = [asyncio.ensure_future(journal.write([note(str(n))], epoch)) for n in range(100)]
            await asyncio.sleep(0)
        await asyncio.gather(*writes)
        assert commits() <= 2
    assert await notes(journal) == [str(n) for n in range(100)]


async def test_meanwhile_comes_before_the_answer_and_not_for_what_is_refused(journal: Journal, epoch: int) -> None:
    said: list[str] = []
    await journal.write([note("a")], epoch, lambda: said.append("meanwhile"))
    said.append("written")
    with pytest.raises(Fenced):
        await journal.write([note("b")], epoch - 1, lambda: said.append("refused"))
    assert said == ["meanwhile", "written"]


async def test_a_bad_call_fails_alone(journal: Journal, epoch: int, journal_url: str) -> None:
    calls: list[tuple[list[Change], int]] = [
        ([note("0")], epoch),
        ([note("1"), execution(7)], epoch),
        ([note("2")], epoch - 1),
        ([note("3"), execution(1)], epoch),
        ([order(state="ODD")], epoch),
        ([note("5"), execution(1)], epoch),
    ]
    with locked(journal_url, "main"):
        first = asyncio.ensure_future(journal.write([note("first")], epoch))
        writes = [asyncio.ensure_future(journal.write(*call)) for call in calls]
        await asyncio.sleep(0)
    await first
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(answer) for answer in answers] == [
        type(None), WriteRefused, Fenced, type(None), WriteRefused, WriteRefused,
    ]  # fmt: skip
    assert await notes(journal) == ["first", "0", "3"]


async def test_calls_that_were_made_before_closing_are_done(journal_url: str) -> None:
    journal = await Journal.open(journal_url, "main", durable=True)
    epoch = await journal.raise_epoch("me")
    writes = [asyncio.ensure_future(journal.write([note(str(n))], epoch)) for n in range(5)]
    await asyncio.sleep(0)
    await journal.close()
    await asyncio.gather(*writes)
    async with await Journal.open(journal_url, "main", durable=True) as again:
        assert await notes(again) == ["0", "1", "2", "3", "4"]


async def test_what_stands_there_is_there_when_opened_again(journal_url: str) -> None:
    async with await Journal.open(journal_url, "main", durable=True) as journal:
        epoch = await journal.raise_epoch("me")
        await journal.write([order(), execution(), HALT, ARMING, SetBusId("b1")], epoch)
    async with await Journal.open(journal_url, "main", durable=False) as again:
        assert (await again.orders(), await again.executions(BOOK)) == ([order()], [execution()])
        assert (await again.latches(), await again.arming(), await again.bus_id()) == ({"halt": HALT}, ARMING, "b1")
        await again.write([note("the epoch still holds")], epoch)


async def test_a_full_name_of_the_driver_is_not_asked_for(journal_url: str) -> None:
    short = make_url(journal_url).set(drivername=make_url(journal_url).get_backend_name())
    async with await Journal.open(short.render_as_string(hide_password=False), "main", durable=True) as journal:
        assert await journal.raise_epoch("me") == 1


def stop(number: int, phase: StopPhase = StopPhase.WAITING, **changed: object) -> StopLife:
    made = StopLife(
        f"{number:032x}", BOOK, SYM, "entry", StopKind.STOP, number, Decimal("0.0010"), Decimal("71000.10"), None, True,
        phase, 1_000 + number, 6_000, updated_ms=100 * number,
    )  # fmt: skip
    return made._replace(**changed)  # type: ignore[arg-type]


async def test_what_the_openers_were_is_asked_once_and_not_for_each_stop(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 500 openers among 20,000 stops the one way takes some ms, the other minutes."""
    asked: list[tuple[str, tuple[Any, ...]]] = []
    select = Journal._select

    async def heard(self: Journal, text: str, *given: Any) -> list[Any]:
        asked.append((text, given))
        return await select(self, text, *given)

    monkeypatch.setattr(Journal, "_select", heard)
    await journal.stops(openers=["before", "long before"])
    ((text, given),) = asked
    explain = "EXPLAIN QUERY PLAN" if "sqlite" in type(journal._database).__name__.lower() else "EXPLAIN"
    plan = str(await select(journal, f"{explain} {text}", *given))
    assert "CORRELATED" not in plan
    assert "(SubPlan" not in plan


async def test_a_stop_is_replaced_by_its_next_row_and_found_while_it_may_be_at_the_exchange(
    journal: Journal, epoch: int
) -> None:
    """Those that ended are told on demand: of late, or of one position."""
    live, ended, older = stop(1), stop(2, StopPhase.CANCELED), stop(3, StopPhase.TRIGGERED, opened_by="before")
    await journal.write([live._replace(phase=StopPhase.SENT), live, ended, older], epoch)
    assert await journal.stop(live.stop_id) == live
    assert await journal.stop("f" * 32) is None
    assert await journal.stops() == [live]
    assert await journal.stops(openers=["before"]) == [live, older]
    became = order(1, stop_id=older.stop_id)
    await journal.write([became], epoch)
    of_it = await journal.stops(openers=["nobody", became.client_order_id])
    assert of_it == [live, older], "the order opened the reverse"
    assert await journal.stops(since_ms=200) == [live, ended, older]
    assert [life.phase for life in await journal.stops(since_ms=0) if not life.live] == [ended.phase, older.phase]


async def test_a_request_gets_its_answer_and_stays_what_was_asked(journal: Journal, epoch: int) -> None:
    asked = RequestRow("a1", "FLATTEN", "ann", at_ms=5, until_ms=10)
    await journal.write_by_person([asked])
    assert await journal.requests(10) == [asked]
    assert await journal.requests(11) == [], "too late"
    begun = asked._replace(taken_ms=6)
    await journal.write([begun], epoch)
    assert await journal.begun_requests() == [begun]
    answer = {"taken_ms": 6, "done_ms": 7, "well": True, "answer": "flat"}
    await journal.write([asked._replace(kind="CANCEL_ALL", by="bob", until_ms=99, **answer)], epoch)
    assert await journal.begun_requests() == []
    assert await journal.request("a1") == asked._replace(**answer)
    assert await journal.request("a2") is None
    assert await journal.requests(5) == []


@pytest.mark.parametrize(
    "late",
    [
        {"taken_ms": 6},
        {"taken_ms": 9},
        {"done_ms": 9, "answer": "nobody came"},
        {"taken_ms": 9, "done_ms": 9, "answer": "by another"},
    ],
)
async def test_a_request_is_begun_once(journal: Journal, epoch: int, late: dict[str, Any]) -> None:
    """Also in the same millisecond, and whoever raises the epoch with it: then that stays, too."""
    asked = RequestRow("a1", "FLATTEN", "ann", at_ms=5, until_ms=10)
    begun = asked._replace(taken_ms=6)
    await journal.write_by_person([asked])
    await journal.write([begun], epoch)
    with pytest.raises(WriteRefused, match="somebody else has begun it, or it is over"):
        await journal.raise_epoch("another", [asked._replace(**late)])
    assert await journal.request("a1") == begun
    assert (await journal.epoch()).epoch == epoch
    over = begun._replace(done_ms=8, answer="flat")
    await journal.write([over], epoch)
    for row in (begun, over._replace(answer="again"), asked._replace(done_ms=9)):
        with pytest.raises(WriteRefused):
            await journal.write_by_person([row])
    assert await journal.request("a1") == over


async def test_what_nobody_has_begun_is_taken_back_once(journal: Journal) -> None:
    asked = RequestRow("a1", "FLATTEN", "ann", at_ms=5, until_ms=10)
    await journal.write_by_person([asked])
    await journal.write_by_person([over := asked._replace(done_ms=8, answer="nobody came")])
    assert await journal.requests(5) == await journal.begun_requests() == []
    with pytest.raises(WriteRefused):
        await journal.write_by_person([asked._replace(taken_ms=9)])
    assert await journal.request("a1") == over


async def test_an_epoch_is_raised_only_behind_the_one_that_was_seen(journal: Journal, epoch: int) -> None:
    later = await journal.raise_epoch("you", after=epoch)
    with pytest.raises(Fenced):
        await journal.raise_epoch("me", [note("late")], after=epoch)
    assert (await journal.epoch()).epoch == later
    assert await journal.events(5) == []


async def test_a_time_without_a_stop_gets_its_end(journal: Journal, epoch: int) -> None:
    first, second = NakedRow(BOOK, 5, 0, "entry", "none yet"), NakedRow(BOOK, 9, 12, "other", "gone")
    await journal.write([first, second, first._replace(until_ms=7)], epoch)
    assert await journal.naked() == [first._replace(until_ms=7), second]
    assert await journal.naked(since_ms=6) == [second]


async def test_no_person_writes_a_stop_and_no_fenced_gateway(journal: Journal, epoch: int) -> None:
    with pytest.raises(TypeError, match="StopLife is no person's command"):
        await journal.write_by_person([stop(1)])  # type: ignore[list-item]
    await journal.raise_epoch("another")
    with pytest.raises(Fenced):
        await journal.write([stop(1)], epoch)
    assert await journal.stops() == []
