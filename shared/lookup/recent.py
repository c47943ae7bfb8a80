"""The recent lookup is for who asks for the newest messages again and again: the bus answers that at once.

The recording is asked for what the bus has no more of them, and not again while nothing is written there. Whoever asks
does so more often than the bus is trimmed.
"""

from typing import NamedTuple

from shared.bus.api import Bus, BusLost
from shared.config import Settings
from shared.lookup.lookup import Lookup
from shared.lookup.stores import Found
from shared.messages import Stream

MOST_KEPT = 64  # messages of an answer that is kept


class KeptAnswer(NamedTuple):
    """An answer holds while the stream on the bus ends where it did. asked: for so many messages."""

    end: bytes
    asked: int
    found: list[Found]


class RecentLookup(Lookup):
    """A recent lookup is a lookup whose `last` is quick."""

    def __init__(self, settings: Settings, bus: Bus | None, no_bus: str = "") -> None:
        super().__init__(settings, bus, no_bus)
        self._answers: dict[tuple[Stream, str], KeptAnswer] = {}

    async def last(self, stream: Stream, sym: str, count: int = 1, until_ns: int | None = None) -> list[Found]:
        """Returns the last messages, as a lookup does."""
        if until_ns is not None:
            return await super().last(stream, sym, count, until_ns)
        newest, end = await self._on_the_bus(stream, sym, count)
        if newest is None:
            return await super().last(stream, sym, count)
        if len(newest) == count or (newest and newest[0].message.n == 1):
            self._answers.pop((stream, sym), None)  # what it had may be cut off when the bus ends there again
            return newest
        kept = self._answers.get((stream, sym))
        if kept is not None and kept.end == end and kept.asked >= count:
            return kept.found[-count:]
        found = await super().last(stream, sym, count)
        if count <= MOST_KEPT:
            self._answers[stream, sym] = KeptAnswer(end, count, found)
        return found

    async def _on_the_bus(self, stream: Stream, sym: str, count: int) -> tuple[list[Found] | None, bytes]:
        """Returns what the bus has, None where it does not answer or lacks one between, and where the stream ends."""
        bus = await self._on_bus()
        if bus is None:
            return None, b""
        try:
            entries, end = await bus.newest(stream, sym, count)
        except BusLost as lost:
            await self._lose(lost)
            return None, b""
        found = [one for entry in entries if (one := entry.found(sym)) is not None]
        numbers = [one.message.n for one in found]
        whole = not numbers or numbers == list(range(numbers[0], numbers[-1] + 1))
        return (found if whole and len(found) == len(entries) else None), end
