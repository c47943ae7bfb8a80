"""A pen that was fenced says who acted on the account."""

from pathlib import Path

import pytest

from services.gateway.execution.fenced_journal import FencedJournal
from shared.journal.journal import Journal
from shared.journal.rows import SetBusId
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
