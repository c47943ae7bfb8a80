"""The disturber kills, ends and stops gateways, disarms their account, and knows when none was at work."""

import asyncio
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from shared.config import Settings
from tests.chaos.account import LEASE_S, arm, disarm
from tests.chaos.asker import Asker
from tests.chaos.line import Line
from tests.chaos.naked import Span
from tests.chaos.server import Server
from tests.until import until

GATEWAYS = ("gateway-a", "gateway-b")
KILLS = ("killed", "ended", "stopped", "bus killed")
TAKEN_OVER = "account taken over"
LEASE_MS = round(LEASE_S * 1_000)
SETTLES_MS = 5_000  # after a take-over: the account is read, orders and stops are looked up


class TakeOver(NamedTuple):
    """A gateway took the account over."""

    at_ms: int
    name: str


class Hurt(NamedTuple):
    """A gateway was hurt, or, without a name, the bus. stopped_ms: how long it was stopped; 0: it was killed."""

    at_ms: int
    name: str = ""
    stopped_ms: int = 0


def away(hurts: Sequence[Hurt], taken: Sequence[TakeOver], now_ms: int) -> list[Span]:
    """Returns when no gateway was at work, or one had just taken over.

    Whoever is hurt as it stands by is not missed. One that was stopped for less than its lease goes on by itself. And a
    take-over that nobody has brought about says that the one before could not work.

    - taken: in order of time.

    >>> first = TakeOver(0, "a")
    >>> away([Hurt(20_000, "b")], [first], 60_000)
    [Span(from_ms=-1500, until_ms=5000, cause='')]
    >>> away([Hurt(20_000, "a")], [first, TakeOver(22_000, "b")], 60_000)[-1]
    Span(from_ms=20000, until_ms=27000, cause='')
    >>> away([Hurt(20_000, "a", 1_000)], [first, TakeOver(40_000, "b")], 60_000)[-1]
    Span(from_ms=20000, until_ms=26000, cause='')
    """
    spans = [Span(one.at_ms - LEASE_MS, one.at_ms + SETTLES_MS) for one in taken]
    for hurt in hurts:
        owner = next((one.name for one in reversed(taken) if one.at_ms <= hurt.at_ms), "")
        if hurt.name not in ("", owner):
            continue
        after_ms = next((one.at_ms for one in taken if one.at_ms > hurt.at_ms), now_ms)
        if hurt.stopped_ms:
            goes_on_ms = hurt.at_ms + hurt.stopped_ms
            after_ms = after_ms if after_ms <= goes_on_ms + LEASE_MS else goes_on_ms
        spans.append(Span(hurt.at_ms, after_ms + SETTLES_MS))
    return spans


class Disturber:
    """It disturbs two gateways at random moments while orders are on their way.

    - rests: says whether an order will be open for longer than it takes to see a disarming.
    - server: the bus, which is killed as well, and loses its last writes; None: it is left alone.
    - done: how often each was done. hurts: when.
    """

    def __init__(
        self,
        line: Line,
        settings: Settings,
        asker: Asker,
        rng: random.Random,
        rests: Callable[[], bool],
        server: Server | None = None,
    ) -> None:
        self.done: Counter[str] = Counter()
        self.hurts: list[Hurt] = []
        self._line, self._settings, self._asker, self._rng, self._server = line, settings, asker, rng, server
        self._rests = rests
        self._asking: asyncio.Task[None] | None = None

    @property
    def kills(self) -> int:
        """Returns how often a process was killed, ended or stopped."""
        return sum(self.done[name] for name in KILLS)

    @property
    def taken_over(self) -> list[TakeOver]:
        """Returns when a gateway took the account over, by their logs, in order of time."""
        found = []
        for name in GATEWAYS:
            for line in self._line.log(name).splitlines():
                if TAKEN_OVER in line:
                    at = datetime.fromisoformat(json.loads(line)["timestamp"])
                    found.append(TakeOver(round(at.timestamp() * 1_000), name))
        return sorted(found)

    def away(self) -> list[Span]:
        """Returns when no gateway was at work, or one had just taken over."""
        return away(self.hurts, self.taken_over, _now_ms())

    async def run(self, asking: "asyncio.Task[None]", kills: int, disarms: int = 0) -> None:
        """Disturbs so often, spread over what is still to be asked for."""
        rng, asker, self._asking = self._rng, self._asker, asking
        acts = [self._disarm] * disarms + [self._kill] * kills
        rng.shuffle(acts)
        for number, act in enumerate(acts):
            left = sum(book.left for book in asker.books.values())
            aim = asker.answered + rng.randint(1, 2 * left // (len(acts) - number) + 1)
            await self._until(partial(_came, asker, aim))
            await asyncio.sleep(rng.uniform(0, 0.05))
            if asker.settled:
                return
            await act()

    async def _until(self, holds: Callable[[], bool]) -> None:
        """Waits, while what was killed is started again, and all that should be there is."""

        def looked() -> bool:
            self._line.tend()
            if self._asking is not None and self._asking.done():
                self._asking.result()
            return holds()

        await until(looked)

    async def _kill(self) -> None:
        rng, name = self._rng, self._rng.choice(GATEWAYS)
        at_ms = _now_ms()
        if self._server is not None and (not self.done["bus killed"] or rng.random() < 0.5):
            self._server.kill()
            self.done["bytes of the bus's log cut off"] += self._server.cut_log(rng, 100_000)
            self._server.start()
            self.done["bus killed"] += 1
            name = ""
        elif rng.random() < 0.6:
            self._line.kill(name)
            self.done["killed"] += 1
        elif rng.random() < 0.25:
            await asyncio.to_thread(self._line.end, name)
            self.done["ended"] += 1
        else:
            self._line.send(name, signal.SIGSTOP)
            await asyncio.sleep(LEASE_S * rng.uniform(0.5, 2.0))
            self._line.send(name, signal.SIGCONT)
            self.done["stopped"] += 1
            self.hurts.append(Hurt(at_ms, name, _now_ms() - at_ms))
            return
        self.hurts.append(Hurt(at_ms, name))
        self._line.tend()

    async def _disarm(self) -> None:
        """Disarms while some order is filled part by part, and arms again when all are over."""
        asker = self._asker
        await self._until(lambda: self._rests() or asker.settled)
        asker.asks = False
        await disarm(self._settings)
        await self._until(lambda: asker.quiet)
        await arm(self._settings)
        asker.asks = True
        self.done["disarmed"] += 1


def _came(asker: Asker, reports: int) -> bool:
    return asker.settled or asker.answered >= reports


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
