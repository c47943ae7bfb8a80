"""A line's money: as its reports say, wherever the streams were cut off, and over midnight."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.account import Account
from shared.account.account import book_report
from shared.config import Settings
from shared.config.gateway import GatewaySettings
from shared.control import books
from shared.control.books import book_of, execution_row
from shared.control.capital import begun_row, capital_report
from shared.journal.journal import Journal
from shared.journal.rows import ExternalRow, OrderRow
from shared.lookup import day_book
from shared.lookup.day_book import ROUNDED, KnownBooks
from shared.lookup.money import SymbolMoney, money
from shared.lookup.recent import RecentLookup
from shared.messages import Decision, ExecutionReport, Leg, MarketTick, Message, OrderStatus, Stream
from shared.messages.reasons import OrderPhase
from shared.wall_time import UTC_TIME
from tests.unit.lookup.world import World

D = Decimal
SYM = "A"
DAY_NS = 86_400 * 10**9
MIDNIGHT_NS = 20_000 * DAY_NS
HOUR_NS = 3_600 * 10**9
CAPITAL = D(100)
NONE = D(0)


def report(n: int, ts_event: int, qty: Decimal = NONE, px: Decimal | None = None, **over: Any) -> ExecutionReport:
    fields: dict[str, Any] = {
        "n": n, "sym": SYM, "ts_event": ts_event, "tr": f"t:{SYM}:{ts_event}:{n}", "tick_n": 1, "order_n": n,
        "client_order_id": f"{n:032x}", "leg": Leg.NET, "status": OrderStatus.FILLED, "last_qty": qty, "last_px": px,
        "commission": D("0.1") if qty else D(0), "reason": None,
    }  # fmt: skip
    return ExecutionReport(**{**fields, **over})


def tick(n: int, ts_event: int, price: Decimal) -> MarketTick:
    return MarketTick(n=n, sym=SYM, ts_event=ts_event, tr=f"t:{SYM}:{ts_event}:{n}", venue="t", price=price)


def decision(n: int, ts_event: int, account: Account, booked_n: int) -> Decision:
    held = account.held(SYM)
    return Decision(
        n=n, sym=SYM, ts_event=ts_event, tr=f"t:{SYM}:{ts_event}:{n}", tick_n=n, prediction_n=n, booked_n=booked_n,
        y_hat=0.1, balance=account.balance(), signed_qty=held.signed_qty if held else D(0), orders=(), reason=None,
    )  # fmt: skip


class Hour(NamedTuple):
    """What an hour brings: a price, then perhaps a fill at it, and funding."""

    price: int
    qty: int
    funding: int


class Played(NamedTuple):
    """A line's life as messages, and what its book is worth at midnight and at its end."""

    ticks: list[MarketTick]
    decisions: list[Decision]
    reports: list[ExecutionReport]
    account: Account
    made_before: Decimal
    paid: tuple[Decimal, Decimal]  # of the day: fees, funding received


def played(hours: Sequence[Hour], since: int) -> Played:
    """hours: from `since` hours before midnight on."""
    account, reports, ticks, decisions = Account(CAPITAL), list[ExecutionReport](), list[MarketTick](), list[Decision]()
    made_before, price, fees, funding = D(0), D(0), D(0), D(0)
    for i, hour in enumerate(hours):
        at_ns = MIDNIGHT_NS + (i - since) * HOUR_NS
        price = D(hour.price)
        ticks.append(tick(i + 1, at_ns, price))
        if at_ns <= MIDNIGHT_NS:
            made_before = account.equity(SYM, price) - CAPITAL
        decisions.append(decision(i + 1, at_ns, account, len(reports)))
        if hour.qty:
            reports.append(report(len(reports) + 1, at_ns, D(hour.qty), price))
            fees += book_report(account, reports[-1]) if at_ns >= MIDNIGHT_NS else book_report(account, reports[-1]) * 0
        if hour.funding:
            paid = report(len(reports) + 1, at_ns, leg=Leg.FUNDING, commission=D(hour.funding))
            reports.append(paid)
            cost = book_report(account, paid)
            funding -= cost if at_ns >= MIDNIGHT_NS else D(0)
    return Played(ticks, decisions, reports, account, made_before, (fees, funding))


HOURS = st.lists(
    st.builds(Hour, st.integers(50, 150), st.sampled_from([0, 0, 1, -1, 2, -2]), st.sampled_from([0, 0, 0, 1, -1])),
    min_size=1,
    max_size=24,
)


async def read(world: World, at_ns: int) -> SymbolMoney:
    lookup = world.lookup()
    found = await money(world.settings, lookup, at_ns // 1_000_000, UTC_TIME)
    await lookup.close()
    return found.symbols[SYM]


@given(HOURS, st.integers(0, 23), st.integers(0, 24))
@example([Hour(50, 1, 0), Hour(141, 2, 0), Hour(50, 2, 0), Hour(105, -2, 0), Hour(50, -1, 0), Hour(50, 0, 0)], 0, 0)
def test_what_is_left_of_the_streams_tells_the_same_or_that_it_cannot(hours: list[Hour], since: int, cut: int) -> None:
    """The bus keeps each execution until its book has taken it."""
    life = played(hours, since)
    cut = min(cut, life.decisions[-1].booked_n)
    end_ns = max(life.ticks[-1].ts_event, MIDNIGHT_NS)
    world = World(Path("nothing-recorded"), symbols=(SYM,))
    world.write(*life.ticks, *life.decisions, *life.reports[cut:])
    found = asyncio.run(read(world, end_ns))
    held = life.account.held(SYM)
    assert found.qty == (held.signed_qty if held else 0)
    if found.today is None:
        assert cut or since >= len(hours), "with all its reports, and a price of midnight, a day is told"
        return
    price = life.ticks[-1].price
    assert found.entry == (held.price if held else None)
    assert found.balance == life.account.balance()
    assert found.unrealised == life.account.equity(SYM, price) - life.account.balance()
    assert (found.fees_today, found.funding_today) == life.paid
    if since < len(hours):  # midnight's own price is there
        made = life.account.equity(SYM, price) - CAPITAL - life.made_before
        assert abs(found.today - made) < ROUNDED, "sums of 28 digits, in another order"


async def test_what_is_held_without_an_entry_or_a_price_has_no_unrealised_profit() -> None:
    life = played([Hour(100, 1, 0), Hour(100, 1, 0), Hour(130, 0, 0)], 3)
    no_entry, no_price = (World(Path("nothing-recorded"), symbols=(SYM,)) for _ in range(2))
    no_entry.write(*life.ticks, *life.decisions, *life.reports[1:])
    no_price.write(*life.decisions, *life.reports)
    found = [await read(world, MIDNIGHT_NS) for world in (no_entry, no_price)]
    assert [(one.qty, one.entry, one.unrealised, one.today) for one in found] == [
        (D(2), None, None, None), (D(2), D(100), None, None),
    ]  # fmt: skip


async def test_a_line_that_never_decided_has_its_capital(tmp_path: Path) -> None:
    world = World(tmp_path, symbols=(SYM,))
    lookup = world.lookup()
    found = await money(world.settings, lookup, MIDNIGHT_NS // 1_000_000, UTC_TIME)
    await lookup.close()
    assert (found.origin, found.as_of_ns) == ("nothing", None)
    assert found.symbols[SYM] == SymbolMoney(balance=CAPITAL, capital=CAPITAL)


async def test_with_the_bus_dead_the_recording_tells(tmp_path: Path) -> None:
    life = played([Hour(100, 1, 0), Hour(110, 0, 0), Hour(120, 0, 0)], 1)
    world = World(tmp_path, symbols=(SYM,))
    for stream, messages in (
        (Stream.TICKS, life.ticks), (Stream.DECISIONS, life.decisions), (Stream.EXECUTIONS, life.reports),
    ):  # fmt: skip
        world.record(stream, world.write(*messages))
    world.bus.streams.clear()
    lookup = world.lookup()
    found = await money(world.settings, lookup, life.ticks[-1].ts_event // 1_000_000, UTC_TIME)
    await lookup.close()
    assert found.origin == "recording"
    assert (found.symbols[SYM].unrealised, found.symbols[SYM].today) == (D(20), D(10))
    assert found.symbols[SYM].last_fill == life.reports[0]


# An account's is the journal's.


@pytest.fixture
def account_settings(tmp_path: Path) -> Settings:
    own = GatewaySettings(mode="testnet", venue="fake", account="main", markets={SYM: "A/USDT:USDT"})
    world = World(tmp_path / "recording", symbols=(SYM,))
    return world.settings.model_copy(update={"gateway": own, "state_dir": tmp_path})


async def test_an_account_s_money_is_the_journal_s_whatever_the_bus_says(account_settings: Settings) -> None:
    own, book = account_settings, book_of(account_settings, SYM)
    life = played([Hour(100, 1, 0), Hour(110, 0, 0), Hour(120, 1, 2)], 1)
    given = capital_report(SYM, book, 4, D(150), (MIDNIGHT_NS + 2 * HOUR_NS) // 1_000_000)
    order = OrderRow(
        "cd" * 16, book, SYM, 1, "t", 1, Leg.OPEN, D(1), False, D(120), 0, "", "", 9, OrderPhase.UNKNOWN, D(1), 5, 0,
        "", D(0), D(0), D(0), None, 1, 1,
    )  # fmt: skip
    difference = ExternalRow("POSITION", SYM, "", "the exchange holds 3, the books 2", 7, "")
    world = World(own.recorder.folder or Path(), symbols=(SYM,))
    world.write(*life.ticks)
    world.settings = own
    lookup = world.lookup()
    async with await Journal.open(own.journal_url, "main", durable=False) as journal:
        epoch = await journal.raise_epoch("test")
        rows = [execution_row(book, one, 1) for one in (*life.reports, given)]
        await journal.write([begun_row(book, CAPITAL), *rows, order, difference], epoch)
    found = await money(own, lookup, life.ticks[-1].ts_event // 1_000_000, UTC_TIME)
    await lookup.close()
    (one,) = found.symbols.values()
    assert found.origin == "journal"
    assert (one.qty, one.entry, one.capital) == (D(2), D(110), D(150))
    # The first unit rose by 10 since midnight, the second cost a fee, funding was paid; capital that was given is none.
    assert (one.today, one.fees_today, one.funding_today) == (D("7.9"), D("0.1"), D(-2))
    assert (one.balance, one.unrealised, one.made) == (D("147.8"), D(20), D("-2.2"))
    assert (one.unknown, one.differences) == ((order,), (difference,))


@given(HOURS, st.integers(0, 23))
def test_who_looks_often_sees_the_same_on_paper(hours: list[Hour], since: int) -> None:
    """After each message; and executions that the bus has trimmed meanwhile are known all the same."""
    life = played(hours, since)
    written: list[Message] = []
    for tick_, decided in zip(life.ticks, life.decisions, strict=True):
        written += [tick_, decided, *(one for one in life.reports if one.ts_event == decided.ts_event)]

    async def look() -> None:
        whole, trimmed = (World(Path("nothing-recorded"), symbols=(SYM,)) for _ in range(2))
        lookup, fresh, known = RecentLookup(trimmed.settings, trimmed.bus), whole.lookup(), KnownBooks()
        place = (str(Stream.EXECUTIONS), trimmed.place(Stream.EXECUTIONS, SYM))
        for message in written:
            whole.write(message)
            trimmed.write(message)
            now_ms = message.ts_event // 1_000_000
            async with lookup.moment():
                found = (await money(trimmed.settings, lookup, now_ms, UTC_TIME, known=known)).symbols[SYM]
            wanted = (await money(whole.settings, fresh, now_ms, UTC_TIME)).symbols[SYM]
            for mine, other in zip(found, wanted, strict=True):
                same = mine == other or abs(mine - other) <= ROUNDED * 1_000  # type: ignore[operator]
                assert same, (mine, other)
            if isinstance(message, Decision):
                kept = [one for one in trimmed.bus.streams.get(place, []) if one.n > message.booked_n]
                trimmed.bus.streams[place] = kept
        await lookup.close()
        await fresh.close()

    asyncio.run(look())


async def test_who_looks_often_reads_what_is_new_and_sees_the_same(
    account_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a screen of a line with years of fills takes a CPU from it."""
    own, book = account_settings, book_of(account_settings, SYM)
    life = played([Hour(100, 1, 0), Hour(90, 1, 1), Hour(110, -2, 0), Hour(120, 1, 2), Hour(130, -1, -1)], 2)
    world = World(own.recorder.folder or Path(), symbols=(SYM,))
    world.write(*life.ticks)
    world.settings = own
    lookup, known = world.lookup(), KnownBooks()
    read: list[int] = []
    reports_of = books.reports_of

    async def counted(journal: Journal, name: str, after: int = 0) -> AsyncIterator[ExecutionReport]:
        async for one in reports_of(journal, name, after):
            read.append(one.n)
            yield one

    monkeypatch.setattr(day_book, "reports_of", counted)
    now_ms = life.ticks[-1].ts_event // 1_000_000
    async with await Journal.open(own.journal_url, "main", durable=False) as journal:
        epoch = await journal.raise_epoch("test")
        await journal.write([begun_row(book, CAPITAL)], epoch)
        for one in life.reports:
            await journal.write([execution_row(book, one, 1)], epoch)
            read.clear()
            found = await money(own, lookup, now_ms, UTC_TIME, journal, known)
            assert read == [one.n]
            assert found == await money(own, lookup, now_ms, UTC_TIME, journal)
        tomorrow_ms = now_ms + 86_400_000
        found = await money(own, lookup, tomorrow_ms, UTC_TIME, journal, known)
        assert found == await money(own, lookup, tomorrow_ms, UTC_TIME, journal)
    await lookup.close()


async def test_without_a_journal_nothing_is_told_but_why(account_settings: Settings) -> None:
    world = World(account_settings.recorder.folder or Path(), symbols=(SYM,))
    world.settings = account_settings
    lookup = world.lookup()
    found = await money(account_settings, lookup, 1, UTC_TIME)
    await lookup.close()
    assert found.origin == "nothing"
    assert "journal" in found.why
