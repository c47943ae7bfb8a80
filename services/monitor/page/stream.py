"""The page's server-sent events: each browser gets the newest view, and beats between, by which it sees us live.

A browser that is slow gets the newest view only, so that it costs no memory.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

BEAT_S = 0.5  # what is silent for 1.5 s is said within 2 s
MOST_OPEN = 32  # streams at once


class EventHub:
    """The hub hands events to every open stream.

    - beat: returns what a beat tells.
    - watched: is set while a stream is open.
    """

    def __init__(self, beat: Callable[[], dict[str, Any]]) -> None:
        self.watched = asyncio.Event()
        self._beat = beat
        self._now: Callable[[], bytes] = lambda: b""  # the newest view, with the ages of now
        self._view = b""
        self._open: set[asyncio.Event] = set()
        self._closed = False

    @property
    def full(self) -> bool:
        """Says whether no more streams may be opened."""
        return len(self._open) >= MOST_OPEN

    def show(self, revision: int, view: Callable[[], dict[str, Any]]) -> None:
        """Takes the newest view; `view` makes it as it is now."""
        self._now = lambda: event("view", view(), revision)
        self._view = self._now()
        for news in self._open:
            news.set()

    def close(self) -> None:
        """Ends all streams."""
        self._closed = True
        for news in self._open:
            news.set()

    async def stream(self, lasts: Callable[[], bool] = lambda: True) -> AsyncIterator[bytes]:
        """Yields one browser's events until it, its session or the page goes away. lasts: of the session."""
        news, sent, beat_s = asyncio.Event(), b"", 0.0
        self._open.add(news)
        self.watched.set()
        try:
            yield b"retry: 1000\n\n"
            while not self._closed and lasts():
                news.clear()
                if self._view is not sent:
                    first, sent = not sent, self._view
                    yield self._now() if first else sent  # it may be old, and its ages with it
                if time.monotonic() >= beat_s:
                    beat_s = time.monotonic() + BEAT_S
                    yield event("beat", self._beat())
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(beat_s - time.monotonic(), 0)):
                        await news.wait()
        finally:
            self._open.discard(news)
            if not self._open:
                self.watched.clear()


def event(name: str, data: dict[str, Any], number: int | None = None) -> bytes:
    r"""Returns one event of a stream.

    >>> event("beat", {"ms": 5}, 7)
    b'event: beat\nid: 7\ndata: {"ms":5}\n\n'
    """
    said = f"id: {number}\n" if number is not None else ""
    return f"event: {name}\n{said}data: {json.dumps(data, separators=(',', ':'), allow_nan=False)}\n\n".encode()
