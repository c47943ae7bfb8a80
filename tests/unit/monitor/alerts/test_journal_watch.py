"""What stands in an account's journal, and what was told of it: read again and again, by a watch that may be new."""

from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from services.monitor.alerts.conditions import AlertKind
from services.monitor.alerts.journal_watch import JournalWatch, key_conditions
from shared.control.whereabouts import Whereabouts
from shared.errors import JournalUnwritable
from shared.exchanges.trading.venue import AccountIdentity
from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow, Change, EventRow
from shared.messages import OrderPhase
from shared.wall_time import LOCAL_TIME
from tests.journal_rows import SYM, order

NOW_MS = 1_763_985_600_000
HOUR_MS = 3_600_000


class Account:
    """An account's journal, which the gateway writes, and a watch of it."""

    def __init__(self, url: str, journal: Journal) -> None:
        self._url, self._journal = url, journal
        self.watch = self.new_watch()
        self.epoch = 0

    def new_watch(self) -> JournalWatch:
        opened = partial(Journal.open, self._url, "main", durable=False, create=False)
        return JournalWatch(opened, 60_000, HOUR_MS, (SYM,))

    async def take_over(self) -> None:
        self.epoch = await self._journal.raise_epoch("gateway")

    async def write(self, *changes: Change) -> None:
        await self._journal.write(changes, self.epoch)

    async def stands(self, now_ms: int = NOW_MS) -> list[tuple[AlertKind, str]]:
        return [(one.kind, one.about) for one in (await self.watch.look(now_ms)).standing]

    async def happened(self) -> list[tuple[AlertKind, str]]:
        return [(one.kind, one.text) for one in (await self.watch.look(NOW_MS)).happened]


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[Account]:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    async with await Journal.open(url, "main", durable=False) as journal:
        made = Account(url, journal)
        await made.take_over()
        await made.watch.look(NOW_MS)
        yield made
        await made.watch.close()


def event(text: str, kind: str = "ALARM", sym: str = SYM, name: str = "", later_ms: int = 0) -> EventRow:
    """Behind the epoch, which has the clock's own time."""
    return EventRow(kind, sym, name, text, 4_000_000_000_000 + later_ms)


async def test_a_journal_that_nobody_has_made_is_no_trouble_and_one_that_went_is(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    url = f"sqlite:///{file}"
    watch = JournalWatch(partial(Journal.open, url, "main", durable=False, create=False), 60_000, HOUR_MS, (SYM,))
    assert (await watch.look(NOW_MS)).standing == ()
    async with await Journal.open(url, "main", durable=False):
        assert (await watch.look(NOW_MS)).standing == ()
    file.unlink()
    with pytest.raises(JournalUnwritable):
        await watch.look(NOW_MS)
    await watch.close()


async def test_what_stops_a_market_stands_for_each_reason_until_that_is_over(account: Account) -> None:
    await account.write(event("MARKET_CLOSED: nothing is added: a"), event("ACCOUNT_MODES: nothing is added: b"))
    both = [(AlertKind.MARKET, f"{SYM} MARKET_CLOSED"), (AlertKind.MARKET, f"{SYM} ACCOUNT_MODES")]
    assert await account.stands() == both
    assert await account.stands() == both
    account.watch = account.new_watch()
    assert await account.stands() == both, "as a new watch sees it"
    await account.write(event("MARKET_CLOSED is over", "MARKET", later_ms=1))
    assert await account.stands() == both[1:]
    await account.write(event("CLOCK_SKEW: the clocks are apart", sym="", later_ms=2))
    assert await account.stands() == [*both[1:], (AlertKind.ALARM, "clock CLOCK_SKEW")]


async def test_what_an_earlier_gateway_said_stands_no_more(account: Account) -> None:
    """The next one says it again, if it is still so."""
    await account.write(EventRow("ALARM", SYM, "", "MARKET_CLOSED: nothing is added: a", 1))
    await account.take_over()
    assert await account.stands() == []


async def test_other_alarms_are_told_once_and_none_of_before(account: Account) -> None:
    await account.write(event("MARKET_CLOSED: nothing is added: a"), event("its id is known with other content"))
    assert await account.happened() == [(AlertKind.ALARM, f"{SYM}: its id is known with other content")]
    assert await account.happened() == []
    await account.write(event("an order must be 10 USDT", "MARKET"), event(f"SYMBOL:{SYM}: another contract"))
    assert await account.happened() == [(AlertKind.MARKET, f"{SYM}: an order must be 10 USDT")]
    account.watch = account.new_watch()
    assert await account.happened() == []


async def test_an_alarm_about_an_unknown_order_is_that_order(account: Account) -> None:
    unknown = order(state=OrderPhase.UNKNOWN, at_ms=NOW_MS - 60_000)
    await account.write(unknown, event("UNKNOWN for long: it stands still", name=unknown.client_order_id))
    assert await account.happened() == []
    assert await account.stands(NOW_MS - 1) == []
    assert await account.stands() == [(AlertKind.UNKNOWN_ORDER, unknown.client_order_id)]


async def test_another_alarm_about_an_unknown_order_is_told(account: Account) -> None:
    """The order that closes, since its stop has not, may be in doubt for a moment."""
    unknown = order(state=OrderPhase.UNKNOWN, at_ms=NOW_MS)
    await account.write(unknown, event("its stop has not closed the position", name=unknown.client_order_id))
    assert await account.happened() == [(AlertKind.ALARM, f"{SYM}: its stop has not closed the position")]


async def test_the_same_words_about_two_symbols_are_two_alarms(account: Account) -> None:
    text = "the position has had no stop for longer than 60 s"
    await account.write(event(text), event(text, sym="ETHUSDT"))
    abouts = [one.about for one in (await account.watch.look(NOW_MS)).happened]
    assert abouts == [f"{SYM}: {text}", f"ETHUSDT: {text}"]


async def test_an_alarm_that_is_older_than_one_that_was_told_is_told_once(account: Account) -> None:
    """The gateway's symbols, and whoever else writes, each take the time before they write."""
    await account.write(event("first", later_ms=5))
    assert await account.happened() == [(AlertKind.ALARM, f"{SYM}: first")]
    await account.write(event("second"))
    assert await account.happened() == [(AlertKind.ALARM, f"{SYM}: second")]
    saved, account.watch = account.watch.state(), account.new_watch()
    account.watch.restore(saved)
    assert await account.happened() == []


def test_a_key_ends_soon_and_then_has_ended() -> None:
    where = Whereabouts(identity=AccountIdentity(salt="s", uid="", key="k", key_ends_ms=NOW_MS))
    abouts = [one.about for now_ms in (NOW_MS - 1, NOW_MS) for one in key_conditions(where, now_ms, LOCAL_TIME)]
    assert abouts == ["ends soon", "ended"]


@pytest.mark.parametrize(
    ("left_ms", "about"), [(HOUR_MS + 1, None), (HOUR_MS, "ends soon"), (1, "ends soon"), (0, "ended")]
)
async def test_an_arming_ends_soon_and_then_has_ended(account: Account, left_ms: int, about: str | None) -> None:
    await account.write(ArmingRow(Decimal(1), 1, NOW_MS + left_ms, "c", "ann"))
    assert await account.stands() == ([(AlertKind.ARMING, about)] if about else [])
