"""A flatten beside others who act on the account: another halt, an earlier one, a gateway that comes back."""

import asyncio
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.gateway.account import flatten
from services.gateway.account.flatten import Flatten
from services.gateway.account.waiting import Overtaken, VenueWait
from services.gateway.execution.baseline import mine_row
from services.simulator.engine.events import LIVE, NewOrder
from services.simulator.simulator import Simulator, serving
from shared.control.books import execution_row
from shared.control.latches import AT_WORK_MS, AtWork, halt
from shared.exchanges.trading.venue import Venue
from shared.journal.journal import Journal
from shared.journal.rows import EpochRow, EventRow
from shared.orders.answers import VenuePosition, VenueQuote
from tests.integration.gateway.conftest import SYM
from tests.integration.gateway.flattening import account, bought, opened, settings_of, stranger
from tests.journal_rows import BOOK, order
from tests.until import until

D = Decimal
BASES = {"BTCUSDT": "BTC", "ETHUSDT": "ETH"}
SPOT = {"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT"}


class HeldQuotes:
    """A venue's quotes are held back, symbol by symbol, until they are let go. ended: those that are over."""

    def __init__(self, venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = {sym: asyncio.Event() for sym in BASES}
        self.go = {sym: asyncio.Event() for sym in BASES}
        self.ended: list[str] = []
        self._quote = venue.quote
        monkeypatch.setattr(venue, "quote", self._held)

    async def _held(self, sym: str) -> VenueQuote:
        self.asked[sym].set()
        try:
            await self.go[sym].wait()
            return await self._quote(sym)
        finally:
            self.ended.append(sym)

    async def both_asked(self) -> None:
        """Returns once the positions were read."""
        for asked in self.asked.values():
            await asked.wait()


def both_bought(fake: Simulator) -> dict[str, Decimal]:
    """The account gets coins of which each book has 0.010; returns the rest, somebody's savings."""
    for sym in BASES:
        stranger(fake, "0.030", sym)
    return {sym: fake.engine.wallet.cash[base] - D("0.010") for sym, base in BASES.items()}


def left(fake: Simulator) -> dict[str, Decimal]:
    return {sym: fake.engine.wallet.cash[base] for sym, base in BASES.items()}


async def test_a_look_that_is_older_than_a_retake_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One symbol meets who has acted meanwhile. The other was looked at before that, too: what it saw is closed."""
    async with serving("binance-spot", chances={}) as fake:
        settings = settings_of(tmp_path, fake, list(SPOT), markets=SPOT)
        savings, said = both_bought(fake), list[str]()
        async with opened(settings) as one, opened(settings) as two:
            quotes = HeldQuotes(one, monkeypatch)
            async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
                own = AtWork(journal, await halt(journal, "ann", 1, at_work=True), "ann")
                books = [execution_row(f"strategy:{sym}", bought(sym, "0.010"), 1) for sym in BASES]
                await journal.write([*books, *(mine_row(sym, qty) for sym, qty in savings.items())], own.epoch)
                first = Flatten(settings, journal, one, own, said.append)
                closing = asyncio.create_task(first.flatten(time.monotonic() + 60))
                await quotes.both_asked()
                other = AtWork(journal, await halt(journal, "bob", 1, at_work=True), "bob")
                await Flatten(settings, journal, two, other, print).flatten(time.monotonic() + 60)
                await other.give_back()
                assert left(fake) == savings
                before = own.epoch
                quotes.go["BTCUSDT"].set()
                await until(lambda: own.epoch > before and "BTCUSDT" in quotes.ended)
                quotes.go["ETHUSDT"].set()
                await closing
        assert left(fake) == savings, said


async def test_nothing_of_a_flatten_is_at_work_once_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another halt has the account, and gives it back: what woke up then would take it from the gateway."""
    async with serving("binance-spot", chances={}) as fake:
        settings = settings_of(tmp_path, fake, list(SPOT), markets=SPOT)
        both_bought(fake)
        async with opened(settings) as venue:
            quotes = HeldQuotes(venue, monkeypatch)
            async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
                own = AtWork(journal, await halt(journal, "ann", 1, at_work=True), "ann")
                await journal.write(
                    [execution_row(f"strategy:{sym}", bought(sym, "0.010"), 1) for sym in BASES], own.epoch
                )
                first = Flatten(settings, journal, venue, own, print)
                closing = asyncio.create_task(first.flatten(time.monotonic() + 60))
                await quotes.both_asked()
                await halt(journal, "bob", 1, at_work=True)
                quotes.go["BTCUSDT"].set()
                with pytest.raises(Overtaken):
                    await closing
                assert sorted(quotes.ended) == sorted(BASES)


async def test_a_flatten_that_is_run_again_sells_nothing_twice(tmp_path: Path) -> None:
    """The close of the first one has no end in the journal before a gateway is back; other coins are savings."""
    async with serving("binance-spot", chances={}) as fake:
        settings = settings_of(tmp_path, fake, markets={SYM: "BTC/USDT"})
        stranger(fake, "0.050")
        coins, after = fake.engine.wallet.cash["BTC"], list[Decimal]()
        async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
            row = execution_row(BOOK, bought(SYM, "0.010"), 1)
            await journal.write([row], await journal.raise_epoch("gateway"))
            for _ in range(2):
                async with opened(settings) as venue:
                    own = AtWork(journal, await halt(journal, "ann", 1, at_work=True), "ann")
                    await Flatten(settings, journal, venue, own, print).flatten(time.monotonic() + 60)
                    await own.give_back()
                after.append(fake.engine.wallet.cash["BTC"])
        assert after == [coins - D("0.010")] * 2


async def test_what_rests_is_cancelled_before_the_books_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read a long journal takes a while."""
    async with serving("binance", chances={}) as fake:
        settings = settings_of(tmp_path, fake)
        resting = NewOrder(SYM, D("0.010"), "rests", limit=D(40_000))
        fake.engine.place(resting, fake.state.now_ms())
        async with account(settings) as (venue, journal):
            executions, read = journal.executions, list[str]()

            async def late(*given: Any) -> Sequence[Any]:
                await until(lambda: not [one for one in fake.engine.orders() if one.state in LIVE], within_s=20)
                read.append("executions")
                return await executions(*given)

            monkeypatch.setattr(journal, "executions", late)
            own = AtWork(journal, await halt(journal, "ann", 1, at_work=True), "ann")
            await journal.write([execution_row(BOOK, bought(SYM, "0.010"), 1)], own.epoch)
            await Flatten(settings, journal, venue, own, print).flatten(time.monotonic() + 60)
            assert read


async def test_orders_of_other_books_that_come_up_at_the_end_are_settled_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E.g. a stop of another instance's has fired: its gateway has come back meanwhile, and fences the flatten."""
    async with serving("binance", chances={}) as fake:
        settings, asked = settings_of(tmp_path, fake), list[str]()
        async with account(settings) as (venue, journal):

            async def settled(_: Journal, __: Venue, row: Any, *___: object) -> tuple[None, list[EventRow]]:
                asked.append(row.client_order_id)
                if len(asked) == 1:
                    epoch = await journal.raise_epoch("gateway of the older instance")
                    await journal.write([order(2, book=f"older:{SYM}")], epoch)
                return None, [EventRow("ENDED", SYM, row.client_order_id, "", 1)]

            monkeypatch.setattr(flatten, "settled", settled)
            own = AtWork(journal, await halt(journal, "ann", 1, at_work=True), "ann")
            await journal.write([order(1, book=f"older:{SYM}")], own.epoch)
            await Flatten(settings, journal, venue, own, print).flatten(time.monotonic() + 60)
            assert asked == ["order000001", "order000001", "order000002"], "what was fenced is asked again"
            ended = [event.client_order_id for event in await journal.events_of_kind("ENDED")]
            assert ended == ["order000001", "order000002"]


async def test_a_halt_that_was_killed_stops_no_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else would close anything."""
    async with serving("binance", chances={}) as fake:
        settings = settings_of(tmp_path, fake)
        stranger(fake, "0.050")
        async with account(settings) as (venue, journal):
            own = AtWork(journal, await halt(journal, "ann", 1, at_work=True), "ann")
            await halt(journal, "bob", 1, at_work=True)
            present = journal.epoch

            async def later() -> EpochRow:
                row = await present()
                return row._replace(raised_ms=row.raised_ms - AT_WORK_MS) if "bob" in row.owner else row

            monkeypatch.setattr(journal, "epoch", later)
            await Flatten(settings, journal, venue, own, print).flatten(time.monotonic() + 60)
        assert fake.engine.wallet.holding(SYM).qty == 0


async def test_a_halt_that_only_cancels_is_waited_for_and_all_is_closed_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It closes nothing, so that who gave way to it would leave all that is held."""
    async with serving("binance", chances={}) as fake:
        settings = settings_of(tmp_path, fake)
        stranger(fake, "0.050")
        async with account(settings) as (venue, journal):
            positions, asked, go = venue.positions, asyncio.Event(), asyncio.Event()

            async def held_back() -> list[VenuePosition]:
                shown = await positions()
                asked.set()
                await go.wait()
                return shown

            monkeypatch.setattr(venue, "positions", held_back)
            own, wait = AtWork(journal, await halt(journal, "ann", 1, at_work=True), "ann"), VenueWait("main", print)
            closing = asyncio.create_task(
                Flatten(settings, journal, venue, own, print, waiting=wait).flatten(time.monotonic() + 60)
            )
            await asked.wait()
            cancelling = AtWork(
                journal, await halt(journal, "bob", 1, at_work=True, flatten=False), "bob", flatten=False
            )
            await cancelling.raise_epoch([], after=cancelling.epoch)
            go.set()
            await until(lambda: "halt --cancel by bob is at work on the account: it is waited for" in wait.on)
            assert (await journal.epoch()).epoch == cancelling.epoch
            assert fake.engine.wallet.holding(SYM).qty == D("0.050")
            await cancelling.give_back()
            await closing
        assert fake.engine.wallet.holding(SYM).qty == 0
