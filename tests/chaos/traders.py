"""Two real gateways on an exchange with all its faults, who disturbs them, and what is judged when all is over."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from services.simulator.simulator import Simulator
from shared.bus.names import Names
from shared.bus.redis_bus import RedisBus
from shared.config import Settings, load_settings
from tests.chaos.account import (
    APART_MS,
    PARTITIONS,
    SYMBOLS,
    TROUBLES,
    arm,
    as_variables,
    exchange,
    given,
    listed,
)
from tests.chaos.adversary import Adversary
from tests.chaos.asker import Asker
from tests.chaos.disturber import GATEWAYS, Disturber
from tests.chaos.evidence import Evidence, missed_plants
from tests.chaos.line import Line
from tests.chaos.server import Server
from tests.simulator_venues import Place
from tests.until import until

Say = Callable[[str], None]
SHORT_OF_ALL = 0.2  # of the IOCs, at least, miss or are filled in part
PAUSE_S = 1.5  # a position is held for as long, at most, before the strategy does something


@dataclass(frozen=True)
class Size:
    """orders: of each symbol. At most: kills, disarms. At least: triggers, failed, races, orphans."""

    orders: int
    kills: int
    disarms: int = 0
    triggers: int = 0
    failed: int = 0
    races: int = 0
    orphans: int = 0


@dataclass
class Traders:
    """What takes part in a run."""

    fake: Simulator
    settings: Settings
    asker: Asker
    adversary: Adversary
    disturber: Disturber
    line: Line
    asking: "asyncio.Task[None]"


@asynccontextmanager
async def traders(
    folder: Path,
    rng: random.Random,
    place: Place,
    orders: int,
    *,
    bus_too: bool = False,
    protect: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Traders]:
    """Starts two gateways on an exchange with all its faults.

    - orders: of each symbol.
    - bus_too: the bus is killed as well.
    - protect: of the positions, which are held for longer then.
    """
    server = Server(folder)
    server.start()
    try:
        async with exchange(place, rng) as fake:
            values = given(folder, fake.url, place, protect)
            settings = load_settings(**values)
            await arm(settings)

            def price(sym: str) -> Decimal:
                return fake.engine.prices.quote(listed(place, sym), fake.state.now_ms()).mid

            bus = RedisBus(server.url, Names(settings.namespace), lease_s=60, timeout_s=5, maxlens={})
            pause_s = PAUSE_S if protect else 0.0
            asker = Asker(bus, SYMBOLS, orders, PARTITIONS, rng, price=price, pause_s=pause_s)
            adversary = Adversary(fake, place, rng)
            with Line(folder, server.url, as_variables(values)) as line:
                line.start(*GATEWAYS)
                faults = fake.state.random_faults
                faults.chances, faults.apart_ms = TROUBLES, APART_MS
                disturber = Disturber(line, settings, asker, rng, server if bus_too else None)
                asking = asyncio.create_task(asker.run())
                yield Traders(fake, settings, asker, adversary, disturber, line, asking)
                faults.chances = {}
                await asyncio.to_thread(line.stop)  # the venue lives on this loop: a gateway that starts asks it
                asking.cancel()
                assert not line.unexpected
    finally:
        server.stop()


async def disturbed(them: Traders, size: Size, say: Say) -> None:
    """Asks for all orders, disturbs meanwhile, and waits for all answers."""
    began = time.monotonic()
    await them.disturber.run(them.asking, size.kills, size.disarms)
    await until(lambda: them.asker.settled, within_s=900, every_s=0.05)
    took = time.monotonic() - began
    say(f"{them.asker.answered} reports in {took:.0f} s, {dict(them.disturber.done)}")


async def judged(them: Traders, place: Place, say: Say) -> None:
    """Judges what all know of the orders, when nothing is at work any more."""
    evidence = await Evidence.of(them.settings, them.fake, them.asker, place)
    faults, missed = evidence.faults(), missed_plants(evidence)
    assert not faults, "\n".join(faults)
    assert not missed, f"not found where they were planted: {missed}"
    say(f"{evidence.human()}; {len(them.disturber.taken_over_ms)} take-overs")
    iocs, adversary = evidence.iocs, them.adversary
    say(f"IOCs: {dict(iocs)}; cancels: {dict(adversary.counts)}, {adversary.races} races")
    assert iocs["missed"] + iocs["partial"] >= SHORT_OF_ALL * iocs.total()
