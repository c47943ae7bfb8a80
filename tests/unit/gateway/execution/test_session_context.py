"""A journal that was fenced says who acted on the account; an id is new only where the journal cannot have it; an
order goes when it is in the journal, and not before.
"""

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.gateway.execution.records import content_of, row_of
from services.gateway.execution.session_context import FencedJournal, PreparedSend, RecentOrders
from shared.exchanges.trading.client import NotCleared
from shared.exchanges.trading.venue import Cleared
from shared.journal.journal import Journal
from shared.journal.rows import SetBusId
from shared.messages import Leg, OrderIntent
from shared.runner.parts import ExternalStoreLost


async def test_a_write_that_a_person_came_before_says_so_and_so_does_each_later_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    async with await Journal.open(url, "main", durable=False) as journal:
        fenced = FencedJournal(journal, await journal.raise_epoch("gateway"))
        await fenced.write([SetBusId("bus")])
        await journal.raise_epoch("capital by test")
        for _ in range(2):
            with pytest.raises(
                ExternalStoreLost, match=r"^capital by test acted on the account: what it has changed is read"
            ):
                await fenced.write([SetBusId("other")])
        assert await journal.bus_id() == "bus"


def intent(number: int, ts_event: int) -> OrderIntent:
    return OrderIntent(
        n=number + 1, sym="BTCUSDT", ts_event=ts_event, tr="t", tick_n=number + 1, client_order_id=f"{number:032d}",
        leg=Leg.OPEN, signed_qty=Decimal(1), reduce_only=False, price=Decimal(1), valid_until=0, after=None,
    )  # fmt: skip


async def test_every_written_order_is_known_whatever_was_forgotten(tmp_path: Path) -> None:
    async with await Journal.open(f"sqlite:///{tmp_path}/journal.db", "main", durable=False) as journal:
        epoch = await journal.raise_epoch("test")
        recent = RecentOrders(most=2)
        await recent.begin(journal)
        written = [intent(number, ts_event) for number, ts_event in enumerate([50, 20, 70, 60, 60, 90, 10])]
        for one in written:
            assert await recent.content(journal, one) is None
            row = row_of(one, "book", epoch, 1)
            recent.add(row)
            await journal.write([row], epoch)
        assert [await recent.content(journal, one) for one in written] == [content_of(one) for one in written]
        await recent.begin(journal)
        assert [await recent.content(journal, one) for one in written] == [content_of(one) for one in written]


async def test_an_old_id_with_a_later_tick_is_known_once_the_journal_has_refused_it(tmp_path: Path) -> None:
    async with await Journal.open(f"sqlite:///{tmp_path}/journal.db", "main", durable=False) as journal:
        epoch = await journal.raise_epoch("test")
        await journal.write([row_of(intent(1, 50), "book", epoch, 1)], epoch)
        recent = RecentOrders()
        await recent.begin(journal)
        assert await recent.content(journal, intent(1, 60)) is None
        recent.doubt()
        await recent.begin(journal)
        assert await recent.content(journal, intent(1, 60)) == content_of(intent(1, 50))


class Sent:
    """What a manager would do: made, then gone."""

    def __init__(self, barred: str = "") -> None:
        self.steps: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.prepared = PreparedSend(self._send, self._spawn, lambda: barred)

    async def _send(self, cleared: Cleared) -> None:
        self.steps.append("made")
        await cleared()
        self.steps.append("gone")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def until_it_waits(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


async def test_it_is_made_before_and_goes_after() -> None:
    sent = Sent()
    sent.prepared.prepare()
    await sent.until_it_waits()
    assert sent.steps == ["made"]
    sent.prepared.go()
    await asyncio.gather(*sent.tasks)
    assert (sent.steps, len(sent.tasks)) == (["made", "gone"], 1)


async def test_it_goes_without_having_been_prepared_and_is_made_once() -> None:
    sent = Sent()
    sent.prepared.go()
    sent.prepared.prepare()
    await asyncio.gather(*sent.tasks)
    assert (sent.steps, len(sent.tasks)) == (["made", "gone"], 1)


async def test_the_last_look_is_when_it_is_to_go() -> None:
    sent = Sent("the lease is over")
    sent.prepared.go()
    with pytest.raises(NotCleared, match="the lease is over"):
        await sent.tasks[0]
    assert sent.steps == ["made"]
