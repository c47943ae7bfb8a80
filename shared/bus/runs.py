"""Replay runs each have a namespace of their own; only the last ones are kept."""

import time

from shared.bus.redis_bus import RedisSession

_SCAN = 1_000


async def register_run(session: RedisSession, namespace: str, run_id: str, keep: int) -> list[str]:
    """Note a replay run, and delete what is older than the last `keep`; returns the run ids that were deleted."""
    key = f"{namespace}:runs"
    await session.call("ZADD", key, time.time_ns() // 1000, run_id)
    old = [name.decode() for name in await session.call("ZRANGE", key, 0, -keep - 1)]
    for name in old:
        await _delete(session, f"{namespace}.replay.{name}:*")
        await session.call("ZREM", key, name)
    return old


async def known_runs(session: RedisSession, namespace: str) -> list[str]:
    """The replay runs that are kept, the oldest first."""
    return [name.decode() for name in await session.call("ZRANGE", f"{namespace}:runs", 0, -1)]


async def _delete(session: RedisSession, pattern: str) -> None:
    cursor = b"0"
    while True:
        cursor, keys = await session.call("SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN)
        for key in keys:
            await session.call("UNLINK", key)
        if cursor == b"0":
            return
