"""A pen that was fenced says who acted on the account."""

from decimal import Decimal
from pathlib import Path

import pytest

from services.gateway.execution.records import content_of, row_of
from services.gateway.execution.session_context import FencedJournal, RecentOrders
from shared.journal.journal import Journal
from shared.journal.rows import SetBusId
from shared.messages import Leg, OrderIntent
from shared.runner.external_store import ExternalStoreLost


async def test_a_write_that_a_person_came_before_says_so_and_so_does_each_later_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    async with await Journal.open(url, "main", durable=False) as journal:
        pen = FencedJournal(journal, await journal.raise_epoch("gateway"))
        await pen.write([SetBusId("bus")])
        await journal.raise_epoch("capital by test")
        for _ in range(2):
            with pytest.raises(
                ExternalStoreLost, match=r"^capital by test acted on the account: what it has changed is read"
            ):
                await pen.write([SetBusId("other")])
        assert await journal.bus_id() == "bus"


# An id is new only where the journal cannot have it.


def intent(number: int, ts_event: int) -> OrderIntent:
    return OrderIntent(
        n=number + 1, sym="BTCUSDT", ts_event=ts_event, tr="t", tick_n=number + 1, client_order_id=f"{number:032d}",
        leg=Leg.OPEN, signed_qty=Decimal(1), reduce_only=False, price=Decimal(1), valid_until=0, after=None,
    )  # fmt: skip


async def test_every_written_order_is_known_whatever_was_forgotten(tmp_path: Path) -> None:
    async with await Journal.open(f"sqlite:///{tmp_path}/journal.db", "main", durable=False) as journal:
        epoch = await journal.raise_epoch("test")
        known = RecentOrders(most=2)
        await known.begin(journal)
        written = [intent(number, ts_event) for number, ts_event in enumerate([50, 20, 70, 60, 60, 90, 10])]
        for one in written:
            assert await known.content(journal, one) is None
            row = row_of(one, "book", epoch, 1)
            known.add(row)
            await journal.write([row], epoch)
        assert [await known.content(journal, one) for one in written] == [content_of(one) for one in written]
        await known.begin(journal)
        assert [await known.content(journal, one) for one in written] == [content_of(one) for one in written]


async def test_an_old_id_with_a_later_tick_is_known_once_the_journal_has_refused_it(tmp_path: Path) -> None:
    async with await Journal.open(f"sqlite:///{tmp_path}/journal.db", "main", durable=False) as journal:
        epoch = await journal.raise_epoch("test")
        await journal.write([row_of(intent(1, 50), "book", epoch, 1)], epoch)
        known = RecentOrders()
        await known.begin(journal)
        assert await known.content(journal, intent(1, 60)) is None
        known.doubt()
        await known.begin(journal)
        assert await known.content(journal, intent(1, 60)) == content_of(intent(1, 50))
