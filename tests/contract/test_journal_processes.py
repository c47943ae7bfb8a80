"""Journals that several processes share, and processes that are killed, on SQLite and on PostgreSQL."""

import asyncio
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from shared.journal.journal import Journal
from tests.journal_rows import BOOK

pytestmark = pytest.mark.alembic
ROOT = Path(__file__).parents[2]
PROCESSES = 3


def started(what: str, url: str, name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.journal_process", what, url, name]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.long
async def test_processes_that_race_for_the_epoch_fence_each_other(journal_url: str) -> None:
    """Once an epoch is raised nothing of an older one is written, and what was acknowledged is there."""
    processes = [started("race", journal_url, f"p{n}") for n in range(PROCESSES)]
    written = [int(process.communicate()[0]) for process in processes]
    async with await Journal.open(journal_url, "main", durable=True) as journal:
        notes = [row.text.split() for row in await journal.events(10_000)]
    assert all(int(before) <= int(after) for (before, _), (after, _) in pairwise(notes))
    assert [sum(name == f"p{n}" for _, name in notes) for n in range(PROCESSES)] == written
    assert len({tuple(note) for note in notes}) == len({epoch for epoch, _ in notes}), "an epoch has one owner"


@pytest.mark.parametrize("after", [1, 7, 60])
async def test_what_was_acknowledged_survives_kill_9_and_nothing_is_half(journal_url: str, after: int) -> None:
    process = started("stream", journal_url, "killed")
    assert process.stdout is not None
    acknowledged = {int(process.stdout.readline()) for _ in range(after)}
    process.kill()
    acknowledged |= {int(line) for line in process.communicate()[0].splitlines(keepends=True) if line.endswith("\n")}
    async with await Journal.open(journal_url, "main", durable=True) as journal:
        seqs = [row.seq for row in await journal.executions(BOOK, limit=100_000)]
        orders = {row.tick_n for row in await journal.orders(open_only=False)}
        fills = {int(row.trade_id) for row in await journal.fills()}
        assert await journal.raise_epoch("next") == 2
    assert seqs == list(range(1, len(seqs) + 1))
    assert orders == fills == set(seqs) >= acknowledged


async def test_many_may_open_a_new_journal_at_once(journal_url: str) -> None:
    journals = await asyncio.gather(*(Journal.open(journal_url, "main", durable=True) for _ in range(6)))
    epochs = await asyncio.gather(*(journal.raise_epoch("one of many") for journal in journals))
    assert sorted(epochs) == [1, 2, 3, 4, 5, 6]
    await asyncio.gather(*(journal.close() for journal in journals))
