"""Real gateway processes, killed and stopped while they send orders through unmodified ccxt, every fault on."""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.bus.names import Names
from shared.bus.redis_bus import RedisBus
from shared.config import Settings, load_settings
from shared.journal.journal import Journal
from tests.chaos.account import (
    APART_MS,
    LEASE_S,
    PARTITIONS,
    SYMBOLS,
    TROUBLES,
    arm,
    as_variables,
    disarm,
    exchange,
    given,
)
from tests.chaos.adversary import Adversary
from tests.chaos.asker import Asker
from tests.chaos.evidence import Evidence, missed_plants
from tests.chaos.line import Line
from tests.chaos.server import Server
from tests.simulator_venues import BINANCE, HYPERLIQUID, SWAPS, Place, named
from tests.until import until

Say = Callable[[str], None]
GATEWAYS = ("gateway-a", "gateway-b")
KILLS = ("killed", "ended", "stopped", "bus killed")
SHORT_OF_ALL = 0.2  # of the IOCs, at least, miss or are filled in part
DISARMED_S = 1.2  # two looks of the gateway's at what a person has changed


class Disturber:
    """It kills, ends and stops two gateways at random moments while orders are on their way, and disarms the account.

    - server: the bus, which is killed as well, and loses its last writes; None: it is left alone.
    - done: how often each was done.
    """

    def __init__(
        self, line: Line, settings: Settings, asker: Asker, rng: random.Random, server: Server | None = None
    ) -> None:
        self.done: Counter[str] = Counter()
        self._line, self._settings, self._asker, self._rng, self._server = line, settings, asker, rng, server

    @property
    def kills(self) -> int:
        """Returns how often a process was killed, ended or stopped."""
        return sum(self.done[name] for name in KILLS)

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
                return asker.done or asker.answered >= aim

            await until(moved, within_s=90)
            await asyncio.sleep(rng.uniform(0, 0.05))
            if asker.done:
                return
            await act()

    async def _kill(self) -> None:
        rng, name = self._rng, self._rng.choice(GATEWAYS)
        lot = rng.random()
        if self._server is not None and lot < 0.5:
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


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("place", SWAPS, ids=named)
async def test_every_order_is_sent_once_and_known(
    folder: Path, rng: random.Random, short: bool, say: Say, place: Place
) -> None:
    disarms = 0 if place is HYPERLIQUID else 2 if short else 25  # nothing rests there
    await trade(folder, rng, (13, 5, disarms) if short else (110, 30, disarms), say, place)


@pytest.mark.timeout(3000)
async def test_a_bus_that_loses_writes_too(folder: Path, rng: random.Random, short: bool, say: Say) -> None:
    """Books, stream and position come out of the journal again."""
    await trade(folder, rng, (10, 8, 0) if short else (60, 40, 0), say, BINANCE, bus_too=True)


async def trade(
    folder: Path, rng: random.Random, size: tuple[int, int, int], say: Say, place: Place, *, bus_too: bool = False
) -> None:
    """Trades on one exchange, disturbed, until all is answered and agrees.

    - size: orders of each symbol; kills, and disarmings, at most.
    - bus_too: the bus is killed as well, and loses its last writes.
    """
    each, kills, disarms = size
    server = Server(folder)
    server.start()
    try:
        async with exchange(place, rng) as fake:
            values = given(folder, fake.url, place)
            settings = load_settings(**values)
            await arm(settings)
            bus = RedisBus(server.url, Names(settings.namespace), lease_s=60, timeout_s=5, maxlens={})
            asker = Asker(bus, SYMBOLS, each, PARTITIONS, rng)
            adversary = Adversary(fake, place, rng)
            with Line(folder, server.url, as_variables(values)) as line:
                line.start(*GATEWAYS)
                faults = fake.state.random_faults
                faults.chances, faults.apart_ms = TROUBLES, APART_MS
                began = time.monotonic()
                asking = asyncio.create_task(asker.run())
                disturber = Disturber(line, settings, asker, rng, server if bus_too else None)
                await disturber.run(asking, kills, disarms)
                async with asyncio.timeout(900):
                    await asking
                took = time.monotonic() - began
                faults.chances = {}
                await asyncio.to_thread(line.stop)  # the venue lives on this loop: a gateway that starts asks it
                assert not line.unexpected
            evidence = await Evidence.of(settings, fake, asker, place)
            assert evidence.faults() == []
            assert missed_plants(evidence) == []
            async with await Journal.open(settings.journal_url, "main", durable=True) as journal:
                epoch = (await journal.epoch()).epoch
            say(evidence.human())
            say(f"{asker.answered} orders in {took:.0f} s, {dict(disturber.done)}, {epoch} take-overs")
            iocs = evidence.iocs
            say(f"IOCs: {dict(iocs)}; cancels: {dict(adversary.counts)}, {adversary.races} races")
            assert iocs["missed"] + iocs["partial"] >= SHORT_OF_ALL * iocs.total()
    finally:
        server.stop()
