"""What an order's way into the journal costs beside one bare fsync on the same disk, in the same run.

Each write is what a good order costs before it is sent: its row and three limits, one transaction, SQLite with
synchronous FULL. Bare: 4 KiB appended to a file and synced. The two take turns, so that both meet the same neighbours.

    python -m tests.bench.journal_write --writes 1000
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Sequence

from shared.journal.journal import Journal
from shared.journal.rows import LimitRow
from shared.messages import OrderPhase
from tests.journal_rows import execution, fill, order

PAGE = b"x" * 4096
LIMITS = [LimitRow("day", b"x" * 60), LimitRow("rate", b"y" * 80), LimitRow("drawdown", b"z" * 40)]
WARM = 50


async def measure(folder: str, writes: int) -> dict[str, dict[str, float]]:
    """Latencies in ms."""
    ours: list[float] = []
    bare: list[float] = []
    page = os.open(f"{folder}/page", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    async with await Journal.open(f"sqlite:///{folder}/journal.db", "bench", durable=True) as journal:
        epoch = await journal.raise_epoch("bench")
        for number in range(1, WARM + writes + 1):
            start = time.perf_counter()
            await journal.write([order(number), *LIMITS], epoch)
            ours.append(time.perf_counter() - start)
            start = time.perf_counter()
            os.write(page, PAGE)
            os.fsync(page)
            bare.append(time.perf_counter() - start)
            filled = order(number, state=OrderPhase.FILLED)
            await journal.write([filled, fill(str(number)), execution(number)], epoch)
    os.close(page)
    return {"journal": summary(ours[WARM:]), "fsync": summary(bare[WARM:])}


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """p50 and p99 in ms."""
    ordered = sorted(seconds)
    return {f"p{part}_ms": round(ordered[len(ordered) * part // 100] * 1000, 3) for part in (50, 99)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writes", type=int, default=1000)
    parser.add_argument("--folder", help="on the disk that is meant; default: the current folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-journal-", dir=given.folder or ".") as folder:
        print(json.dumps(asyncio.run(measure(folder, given.writes))))


if __name__ == "__main__":
    main()
