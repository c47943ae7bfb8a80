"""An id is new only where the journal cannot have it."""

from decimal import Decimal
from pathlib import Path

from services.gateway.execution.recent_orders import RecentOrders
from services.gateway.execution.rows import content_of, row_of
from shared.journal.journal import Journal
from shared.messages import Leg, OrderIntent


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
