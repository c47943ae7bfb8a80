"""Reading on a Cluster: one connection waits at each slot, since one read asks a single slot only.

A read that has brought nothing yet is left standing, and the next one takes it up where it asks for the same. So a slot
costs a command only when something came from it, as many of them as there may be.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from shared.bus.connection import Arg, BusConnection

STANDS_MS = 1_000  # so long a read waits at the server
AGAIN_S = 0.05  # after it a read that could not be ended is ended once more

Cursors = Mapping[bytes, bytes]  # key -> cursor
T = TypeVar("T")
Rows = list[tuple[bytes, list[Any]]]  # key, and its rows as XREAD gives them


def xread(cursors: Cursors, count: int, block_ms: int = 0) -> list[Arg]:
    """Returns the command."""
    waits: tuple[Arg, ...] = ("BLOCK", block_ms) if block_ms else ()
    return ["XREAD", "COUNT", count, *waits, "STREAMS", *cursors, *cursors.values()]


class SlotReader:
    """A reader waits for what comes behind cursors in the streams of one slot.

    - unblock: ends a read that waits on the connection with this number.
    """

    def __init__(self, connection: BusConnection, number: int, unblock: Callable[[int], Awaitable[object]]) -> None:
        self._connection, self._number, self._unblock = connection, number, unblock
        self._asked: tuple[Cursors, int] | None = None
        self._reading: asyncio.Task[Any] | None = None

    async def ask(self, cursors: Cursors, count: int) -> "asyncio.Task[Any]":
        """Returns the read that waits for this: the one that stands, or a new one in its place."""
        reading = self._reading
        if reading is not None and self._asked == (cursors, count):
            return reading
        if reading is not None:
            await self._end(reading)
        self._asked = cursors, count
        command = xread(cursors, count, STANDS_MS)
        self._reading = asyncio.create_task(self._connection.call(*command, patience_s=STANDS_MS / 1000))
        return self._reading

    def taken(self) -> None:
        """Forgets the read: it is done, and somebody has its answer."""
        self._reading = self._asked = None

    async def _end(self, reading: "asyncio.Task[Any]") -> None:
        """Ends a read that waits for something else; what it brings is read again when it is asked for."""
        while not reading.done():  # it may be under way to the server yet, where nobody waits then
            await self._unblock(self._number)
            await asyncio.wait([reading], timeout=AGAIN_S)
        reading.result()
        self.taken()

    async def close(self) -> None:
        """Closes the connection."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._connection.close()


class SlotReaders:
    """The readers of a session, each made when its slot is first asked for.

    - make: connects a reader of this slot.
    """

    def __init__(self, make: Callable[[int], Awaitable[SlotReader]]) -> None:
        self._make = make
        self._readers: dict[int, SlotReader] = {}
        self._woken = asyncio.Event()
        self._waiting = False

    async def read(self, cursors: Mapping[int, Cursors], count: int, block_ms: int) -> Rows:
        """Returns the rows that came behind the cursors, which are given by slot; waits for the first."""
        if missing := [slot for slot in cursors if slot not in self._readers]:
            await together(self._open(slot) for slot in missing)
        loop = asyncio.get_running_loop()
        until = loop.time() + block_ms / 1000
        self._woken.clear()
        self._waiting, woken = True, asyncio.create_task(self._woken.wait())
        try:
            while True:
                asked = {slot: await self._readers[slot].ask(wanted, count) for slot, wanted in cursors.items()}
                left = max(0.0, until - loop.time())
                done, _ = await asyncio.wait((woken, *asked.values()), timeout=left, return_when="FIRST_COMPLETED")
                rows = self._take({slot: reading for slot, reading in asked.items() if reading in done})
                if rows or woken.done() or loop.time() >= until:
                    return rows
        finally:
            self._waiting = False
            woken.cancel()

    async def _open(self, slot: int) -> None:
        self._readers[slot] = await self._make(slot)

    def _take(self, done: Mapping[int, "asyncio.Task[Any]"]) -> Rows:
        rows: Rows = []
        for slot, reading in done.items():
            rows += reading.result() or []
            self._readers[slot].taken()
        return rows

    def wake(self) -> None:
        """Makes a read that waits return at once."""
        if self._waiting:
            self._woken.set()

    async def close(self) -> None:
        """Closes all connections."""
        for reader in self._readers.values():
            await reader.close()


async def together(calls: Iterable[Awaitable[T]]) -> list[T]:
    """Returns what the calls give; raises the first error when all are over, so that none goes on unseen."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return cast(list[T], results)
