"""Others at a journal: a process that writes (`python -m tests.journal_process race|stream URL NAME`), and a lock."""

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy import NullPool, create_engine, make_url

from shared.journal.database import Fenced
from shared.journal.journal import Journal
from shared.journal.rows import EventRow
from shared.messages import OrderPhase
from tests.journal_rows import execution, fill, order


@contextmanager
def locked(url: str, account: str) -> Iterator[None]:
    """Holds what every write needs, as another process's transaction does, while its context lasts.

    SQLite: the file's write lock. PostgreSQL: the row with the account's epoch.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(parsed.database), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.exec_driver_sql("SELECT * FROM accounts WHERE account = %(a)s FOR UPDATE", {"a": account})
        yield


EPOCHS = 12
NOTES = 15
TOGETHER = 4


async def race(journal: Journal, name: str) -> None:
    """Raises the epoch, writes notes under it until somebody else raises it, and again; prints how many it wrote."""
    written = 0
    for _ in range(EPOCHS):
        epoch = await journal.raise_epoch(name)
        try:
            for _ in range(NOTES):
                await journal.write([EventRow("note", "", "", f"{epoch} {name}", 1)], epoch)
                written += 1
        except Fenced:
            continue
    print(written, flush=True)


async def stream(journal: Journal, name: str) -> None:
    """Settles order after order, some of them at the same time; prints each number when it is written."""
    epoch = await journal.raise_epoch(name)
    turns = asyncio.Semaphore(TOGETHER)

    async def settle(number: int) -> None:
        row = order(number, state=OrderPhase.FILLED)
        await journal.write([row, fill(str(number)), execution(number)], epoch)
        print(number, flush=True)
        turns.release()

    async with asyncio.TaskGroup() as tasks:
        for number in range(1, 100_000):
            await turns.acquire()
            tasks.create_task(settle(number))


async def main(what: str, url: str, name: str) -> None:
    async with await Journal.open(url, "main", durable=True, busy_s=30) as journal:
        await {"race": race, "stream": stream}[what](journal, name)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
