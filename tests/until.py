"""Waits for a condition, where a test would sleep for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until(
    holds: Callable[[], Awaitable[bool] | bool], *, within_s: float = 500.0, every_s: float = 0.005
) -> None:
    """Returns as soon as `holds()`; raises AssertionError where it does not within `within_s`."""
    end = time.monotonic() + within_s
    while True:
        held = holds()
        if held if isinstance(held, bool) else await held:
            return
        assert time.monotonic() < end, f"did not come true within {within_s} s"
        await asyncio.sleep(every_s)
