"""A request to an exchange is written once or not at all; an answer or a failure comes of it."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import localcontext
from typing import Any, NamedTuple

from shared.exchanges.client import listening
from shared.exchanges.trading.client import Stamp
from shared.exchanges.trading.venue import Cleared


class Sent(NamedTuple):
    """Sent says what became of a request.

    - stamp: how far it got, and the raw answer
    - answer: what ccxt made of that; None beside an error
    - error: what was raised instead
    """

    stamp: Stamp
    answer: Any = None
    error: BaseException | None = None


async def sent_once(
    call: Callable[[], Awaitable[Any]],
    stamp: Stamp,
    cleared: Cleared,
    timeout_s: float,
) -> Sent:
    """Lets ccxt make one request and write it; raises nothing but this task's own cancellation.

    - call: makes exactly one POST
    - stamp: its time and validity; gets `cleared`
    - cleared: awaited when the request is made and before anything of it is written
    - timeout_s: from when it may be written
    """
    limit = asyncio.timeout(timeout_s)

    async def held() -> None:
        await cleared()
        limit.reschedule(asyncio.get_running_loop().time() + timeout_s)

    stamp.cleared = held
    try:
        with listening(stamp), localcontext():
            async with limit:
                return Sent(stamp, await call())
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return Sent(stamp, error=error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the exchange may have the request
        return Sent(stamp, error=error)
