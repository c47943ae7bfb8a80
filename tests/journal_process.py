"""A process that writes into a journal: `python -m tests.journal_process race|stream URL NAME`."""

import asyncio
import sys

from shared.journal.database import Fenced
from shared.journal.journal import Journal
from shared.journal.rows import EventRow
from shared.messages import OrderPhase
from tests.journal_rows import execution, fill, order

EPOCHS = 12
NOTES = 15
TOGETHER = 4


async def race(journal: Journal, name: str) -> None:
    """Raise the epoch and write notes under it until somebody else does; and again. Print how many were written."""
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
    """Settle order after order, some of them at the same time; print each number when it is written."""
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
