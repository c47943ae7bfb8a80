"""The disturber kills, ends and stops gateways, disarms their account, and knows when none was at work."""

import asyncio
import json
import random
import signal
import time
from collections import Counter
from datetime import datetime

from shared.config import Settings
from tests.chaos.account import LEASE_S, arm, disarm
from tests.chaos.asker import Asker
from tests.chaos.line import Line
from tests.chaos.naked import Span
from tests.chaos.server import Server
from tests.until import until

GATEWAYS = ("gateway-a", "gateway-b")
KILLS = ("killed", "ended", "stopped", "bus killed")
DISARMED_S = 1.2  # two looks of the gateway's at what a person has changed
TAKEN_OVER = "account taken over"
SETTLES_MS = 5_000  # after a take-over: the account is read, orders and stops are looked up


class Disturber:
    """It disturbs two gateways at random moments while orders are on their way.

    - server: the bus, which is killed as well, and loses its last writes; None: it is left alone.
    - done: how often each was done. hurt_ms: when.
    """

    def __init__(
        self, line: Line, settings: Settings, asker: Asker, rng: random.Random, server: Server | None = None
    ) -> None:
        self.done: Counter[str] = Counter()
        self.hurt_ms: list[int] = []
        self._line, self._settings, self._asker, self._rng, self._server = line, settings, asker, rng, server

    @property
    def kills(self) -> int:
        """Returns how often a process was killed, ended or stopped."""
        return sum(self.done[name] for name in KILLS)

    @property
    def taken_over_ms(self) -> list[int]:
        """Returns when a gateway took the account over, by their logs."""
        found = []
        for name in GATEWAYS:
            for line in self._line.log(name).splitlines():
                if TAKEN_OVER in line:
                    at = datetime.fromisoformat(json.loads(line)["timestamp"])
                    found.append(round(at.timestamp() * 1_000))
        return sorted(found)

    def away(self) -> list[Span]:
        """Returns when no gateway was at work, or one had just taken over."""
        taken, now_ms = self.taken_over_ms, time.time_ns() // 1_000_000
        return [Span(at, next((ms for ms in taken if ms > at), now_ms) + SETTLES_MS) for at in self.hurt_ms]

    async def run(self, asking: "asyncio.Task[None]", kills: int, disarms: int = 0) -> None:
        """Disturbs so often, spread over what is still to be asked for."""
        rng, asker = self._rng, self._asker
        acts = [self._disarm] * disarms + [self._kill] * kills
        rng.shuffle(acts)
        for number, act in enumerate(acts):
            left = sum(book.left for book in asker.books.values())
            more = rng.randint(1, 2 * left // (len(acts) - number) + 1)

            def moved(aim: int = asker.answered + more) -> bool:
                self._line.tend()
                if asking.done():
                    asking.result()
                return asker.settled or asker.answered >= aim

            await until(moved, within_s=90)
            await asyncio.sleep(rng.uniform(0, 0.05))
            if asker.settled:
                return
            await act()

    async def _kill(self) -> None:
        rng, name = self._rng, self._rng.choice(GATEWAYS)
        self.hurt_ms.append(time.time_ns() // 1_000_000)
        if self._server is not None and rng.random() < 0.5:
            self._server.kill()
            self.done["bytes of the bus's log cut off"] += self._server.cut_log(rng, 100_000)
            self._server.start()
            self.done["bus killed"] += 1
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
        self._line.tend()

    async def _disarm(self) -> None:
        """Disarms while some orders are filled part by part, and arms again."""
        self._asker.asks = False
        await asyncio.sleep(self._rng.uniform(0.5, 1.5))
        await disarm(self._settings)
        await asyncio.sleep(DISARMED_S)
        await arm(self._settings)
        self._asker.asks = True
        self.done["disarmed"] += 1
