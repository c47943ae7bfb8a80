"""The hub's streams: a slow browser costs one view, and each begins with the ages of now."""

import asyncio
import json
import time
from functools import partial

from services.monitor.page.reader import SILENT_S
from services.monitor.page.stream import MOST_OPEN, EventHub
from tests.virtual_time import run_seeded


def view_in(event: bytes) -> dict[str, int]:
    name, *_, data = event.decode().rstrip().split("\n")
    assert name == "event: view"
    found: dict[str, int] = json.loads(data.removeprefix("data: "))
    return found


async def next_view(stream: object) -> dict[str, int]:
    while True:
        event: bytes = await anext(stream)  # type: ignore[call-overload]
        if event.startswith(b"event: view"):
            return view_in(event)


async def test_who_is_slow_gets_the_newest_only() -> None:
    hub = EventHub(dict)
    stream = hub.stream()
    hub.show(1, lambda: {"view": 1})
    assert await next_view(stream) == {"view": 1}
    for i in range(2, 1_000):
        hub.show(i, lambda i=i: {"view": i})  # type: ignore[misc]
    assert await next_view(stream) == {"view": 999}
    await stream.aclose()
    assert not hub.watched.is_set()


async def test_a_stream_begins_with_what_is_now() -> None:
    hub, now = EventHub(dict), [5]
    hub.show(1, lambda: {"age": now[0]})
    now[0] = 60
    stream = hub.stream()
    assert await next_view(stream) == {"age": 60}
    assert hub.watched.is_set()
    await stream.aclose()


def test_a_bus_that_hangs_is_told_of_within_two_seconds() -> None:
    """Whenever between two beats it does."""

    async def told_after_s(hangs_s: float) -> float:
        hub = EventHub(lambda: {"silent": time.monotonic() - hangs_s > SILENT_S})
        async for event in hub.stream():
            if b"true" in event:
                break
        return time.monotonic() - hangs_s

    for i in range(20):
        assert run_seeded(partial(told_after_s, 5 + i / 10), seed=i) <= 2


async def test_they_end_with_the_page_and_are_bounded() -> None:
    hub = EventHub(dict)
    streams = [hub.stream() for _ in range(MOST_OPEN)]
    for stream in streams:
        await anext(stream)
    assert hub.full
    hub.close()

    async def rest(stream: object) -> int:
        return len([event async for event in stream])  # type: ignore[attr-defined]

    async with asyncio.timeout(60):
        await asyncio.gather(*map(rest, streams))
    assert not hub.full


async def test_a_stream_ends_with_its_session() -> None:
    hub, signed_in = EventHub(dict), [True]
    stream = hub.stream(lambda: signed_in[0])
    hub.show(1, lambda: {"view": 1})
    assert await next_view(stream) == {"view": 1}
    signed_in[0] = False
    hub.show(2, lambda: {"view": 2})
    assert not [event async for event in stream if event.startswith(b"event: view")]
    assert not hub.watched.is_set()
