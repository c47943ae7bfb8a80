"""Ends of orders that call a person: by looks at a journal that the gateway writes, by a watch that may be new."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.monitor.alerts.conditions import AlertKind
from services.monitor.alerts.order_ends import BACK_MS, MISSES, OrderEnds
from shared.control.books import execution_row
from shared.journal.journal import Journal
from shared.journal.rows import Change, OrderRow
from shared.messages import ExecutionReport, Leg, OrderPhase, OrderStatus, Reason
from tests.journal_rows import BOOK, SYM, order

NOW_MS = 1_763_985_600_000
CANCELED, FILLED, REJECTED = OrderPhase.CANCELED, OrderPhase.FILLED, OrderPhase.REJECTED


class Account:
    """An account's journal, which the gateway writes, and what looks at its orders."""

    def __init__(self, journal: Journal, epoch: int) -> None:
        self._journal, self._epoch = journal, epoch
        self.ends = OrderEnds((SYM,))

    async def write(self, *changes: Change) -> None:
        await self._journal.write(changes, self._epoch)

    async def stands(self, now_ms: int = NOW_MS) -> list[AlertKind]:
        found = await self.ends.look(self._journal, now_ms)
        assert {(one.about, one.sym) for one in found} <= {(SYM, SYM), (f"{SYM} close", SYM)}
        return [one.kind for one in found]

    async def abouts(self) -> list[str]:
        return [one.about for one in await self.ends.look(self._journal, NOW_MS)]

    async def text(self) -> str:
        (found,) = await self.ends.look(self._journal, NOW_MS)
        return found.text

    async def stands_for_a_new_watch(self, now_ms: int) -> list[AlertKind]:
        self.ends = OrderEnds((SYM,))
        return await self.stands(now_ms)


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[Account]:
    async with await Journal.open(f"sqlite:///{tmp_path / 'journal.db'}", "main", durable=False) as journal:
        made = Account(journal, await journal.raise_epoch("gateway"))
        await made.stands()
        yield made


def ended(number: int, state: OrderPhase, reason: Reason | None, filled: str = "0", **changed: Any) -> OrderRow:
    """An order of 1, to be bought, that is over."""
    whole = {"intended_qty": Decimal(1), "filled_qty": Decimal(filled), "updated_ms": NOW_MS + number, **changed}
    return order(number, state=state, reason=reason, **whole)


def close(number: int, state: OrderPhase, reason: Reason | None, filled: str = "0") -> OrderRow:
    return ended(number, state, reason, filled, leg=Leg.CLOSE, reduce_only=True)


def missed(number: int) -> OrderRow:
    """By its limit, or by another rule of the exchange's, e.g. against trades with oneself."""
    reason = Reason.BEYOND_LIMIT if number % 2 else Reason.ENDED_BY_VENUE
    return ended(number, CANCELED, reason, limit_price=Decimal("71797.30"))


def booked(seq: int, qty: str) -> Change:
    report = ExecutionReport(
        n=seq, sym=SYM, ts_event=seq, tr="t", tick_n=seq, order_n=seq, client_order_id=f"{seq:032x}", leg=Leg.OPEN,
        status=OrderStatus.FILLED, last_qty=Decimal(qty), last_px=Decimal(100), commission=Decimal(0), reason=None,
    )  # fmt: skip
    return execution_row(BOOK, report, NOW_MS)


async def test_a_refusal_counts_beside_a_position_only(account: Account) -> None:
    await account.write(ended(1, REJECTED, Reason.NOT_ARMED))
    assert await account.stands() == []
    await account.write(booked(1, "0.5"), ended(2, REJECTED, Reason.NOT_ARMED))
    assert await account.stands() == [AlertKind.REFUSED]
    await account.write(booked(2, "-0.5"))
    assert await account.stands() == []


async def test_a_refusal_is_over_with_a_fill(account: Account) -> None:
    await account.write(booked(1, "0.5"), ended(1, REJECTED, Reason.NO_MARGIN))
    assert await account.stands() == [AlertKind.REFUSED]
    await account.write(ended(2, FILLED, None, "1"))
    assert await account.stands() == []
    assert await account.stands() == []


@pytest.mark.parametrize("reason", [Reason.DUST, Reason.NOTHING_TO_REDUCE, Reason.BELOW_MINIMUM])
async def test_an_order_that_had_nothing_to_do_is_no_refusal(account: Account, reason: Reason) -> None:
    await account.write(booked(1, "0.5"), ended(1, REJECTED, reason))
    assert await account.stands() == []


@pytest.mark.parametrize("filled", ["0", "0.01"])
@pytest.mark.parametrize("reduces", [False, True])
async def test_an_entry_may_miss_its_limit_and_a_close_should_not(account: Account, reduces: bool, filled: str) -> None:
    ends = (close if reduces else ended)(1, CANCELED, Reason.BEYOND_LIMIT, filled)
    await account.write(booked(1, "0.5"), ends)
    assert await account.stands() == ([AlertKind.REFUSED] if reduces else [])


async def test_what_was_filled_of_it_is_said(account: Account) -> None:
    await account.write(booked(1, "0.99"), close(1, CANCELED, Reason.BEYOND_LIMIT, "0.01"))
    assert "its order of 1 (close) ended CANCELED with 0.01 filled, BEYOND_LIMIT: " in await account.text()
    await account.write(close(2, FILLED, None, "1"))
    assert await account.stands() == []


@pytest.mark.parametrize("filled", ["0.4", "1"])
async def test_a_fill_of_an_entry_ends_no_refusal_of_a_close(account: Account, filled: str) -> None:
    reason = None if filled == "1" else Reason.BEYOND_LIMIT
    await account.write(booked(1, "0.5"), close(1, REJECTED, Reason.NO_MARGIN))
    await account.write(ended(3, CANCELED if reason else FILLED, reason, filled))
    assert await account.stands() == [AlertKind.REFUSED]
    await account.write(close(4, FILLED, None, "0.5"))
    assert await account.stands() == []


async def test_a_close_that_is_refused_is_told_beside_an_entry_of_which_a_person_knows(account: Account) -> None:
    await account.write(booked(1, "0.5"), ended(1, REJECTED, Reason.NO_MARGIN))
    assert await account.abouts() == [SYM]
    await account.write(close(2, REJECTED, Reason.NO_MARGIN))
    assert await account.abouts() == [SYM, f"{SYM} close"]


async def test_an_order_that_ended_before_one_that_was_seen_is_seen_when_it_is_written(account: Account) -> None:
    """Each is written a while after its time, some later than others."""
    await account.write(booked(1, "0.5"), ended(2, FILLED, None, "1"))
    assert await account.stands() == []
    await account.write(close(1, REJECTED, Reason.NO_MARGIN))
    assert await account.stands() == [AlertKind.REFUSED]


async def test_what_is_still_at_work_ends_nothing(account: Account) -> None:
    """A close of which a part is filled may end short of the rest."""
    await account.write(booked(1, "0.5"), close(1, REJECTED, Reason.NO_MARGIN))
    await account.write(close(2, OrderPhase.SENT, None, "0.1"))
    assert await account.stands() == [AlertKind.REFUSED]


@pytest.mark.parametrize("later_ms", [0, 1])
async def test_one_that_was_seen_at_work_is_seen_when_it_ends(account: Account, later_ms: int) -> None:
    working = close(1, OrderPhase.SENT, None)
    await account.write(booked(1, "0.5"), working)
    assert await account.stands() == []
    await account.write(close(1, REJECTED, Reason.NO_MARGIN)._replace(updated_ms=working.updated_ms + later_ms))
    assert await account.stands() == [AlertKind.REFUSED]


async def test_entries_that_all_miss_are_said_until_one_is_filled(account: Account) -> None:
    """Flat, too: nothing else tells that an account has not traded for weeks."""
    await account.write(*(missed(number) for number in range(1, MISSES)))
    assert await account.stands() == []
    await account.write(close(MISSES, CANCELED, Reason.BEYOND_LIMIT), ended(MISSES + 1, REJECTED, Reason.NOT_ARMED))
    assert await account.stands() == [], "neither a close nor what was never sent is a miss"
    await account.write(missed(MISSES + 2))
    assert await account.stands() == [AlertKind.MISSES]
    assert f"each of its last {MISSES} entries" in await account.text()
    assert "1 decided at 71440.1, limit 71797.3" in await account.text()
    await account.write(close(MISSES + 3, FILLED, None, "1"))
    assert await account.stands() == [AlertKind.MISSES]
    await account.write(ended(MISSES + 4, CANCELED, Reason.BEYOND_LIMIT, "0.2"))
    assert await account.stands() == []


async def test_a_new_watch_finds_old_misses_again(account: Account) -> None:
    """Five bars of 12 h are longer than a day."""
    await account.write(*(missed(number) for number in range(MISSES)))
    later_ms = NOW_MS + 10 * BACK_MS
    assert await account.stands_for_a_new_watch(later_ms) == [AlertKind.MISSES]
    await account.write(missed(MISSES)._replace(updated_ms=later_ms))
    assert await account.stands(later_ms) == [AlertKind.MISSES]
    await account.write(ended(MISSES + 1, FILLED, None, "1")._replace(updated_ms=later_ms))
    assert await account.stands(later_ms) == []
    assert await account.stands_for_a_new_watch(later_ms) == []
