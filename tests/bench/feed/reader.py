"""One reader in this process, on one core: `python -m tests.bench.feed.reader NAME …`; prints what it found."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import uvloop

from tests.bench.feed.reader_task import READER_CORE, ReaderTask, pin, task_from_arguments

Read = Callable[[ReaderTask], Awaitable[dict[str, Any]]]
NAMES = ("wire", "aiohttp", "watch_trades", "ingestor", "cryptofeed", "ingestor_by_ccxt", "costs")


def reader(name: str) -> Read:
    """Only what it needs is imported: the libraries are in nobody else's memory."""
    if name == "cryptofeed":
        from tests.bench.feed.theirs import cryptofeed

        return cryptofeed
    if name == "ingestor":
        from tests.bench.feed.ours import ingestor

        return ingestor
    if name == "ingestor_by_ccxt":
        from tests.bench.feed.ours import ingestor_by_ccxt

        return ingestor_by_ccxt
    if name == "costs":
        from tests.bench.feed.costs import costs

        return costs
    from tests.bench.feed import bare

    table: dict[str, Read] = {"wire": bare.wire, "aiohttp": bare.messages, "watch_trades": bare.watch_trades}
    return table[name]


async def _run(given: ReaderTask) -> dict[str, Any]:
    return await reader(given.reader)(given)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    pin(READER_CORE)
    print(json.dumps(uvloop.run(_run(task_from_arguments(NAMES)))))
