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
from typing import NamedTuple

from services.simulator.simulator import Simulator
from shared.bus.names import Names
from shared.bus.redis_bus import RedisBus
from shared.config import Settings, load_settings
from tests.chaos.account import (
    APART_MS,
    APART_PROTECTED_MS,
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
from tests.chaos.counts import Counts
from tests.chaos.disturber import GATEWAYS, LEASE_MS, Disturber
from tests.chaos.evidence import Evidence, missed_plants
from tests.chaos.line import Line
from tests.chaos.sent import Sent
from tests.chaos.server import Server
from tests.simulator_venues import Place
from tests.until import until

Say = Callable[[str], None]
LOOK_MS = 1_200  # two looks of the gateway's at what a person has changed
PAUSE_S = 1.5  # a position is held for as long, at most, before the strategy does something


class Size(NamedTuple):
    """orders: of each symbol. At most: kills, disarms. What they must have met in all: tests.chaos.sums."""

    orders: int
    kills: int
    disarms: int = 0


@dataclass
class Traders:
    """What takes part in a run."""

    fake: Simulator
    sent: Sent
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
        async with exchange(place, rng) as (fake, sent):
            values = given(folder, fake.url, place, protect)
            settings = load_settings(**values)
            await arm(settings)

            def price(sym: str) -> Decimal:
                return fake.engine.prices.quote(listed(place, sym), fake.state.now_ms()).mid

            def rests() -> bool:
                over_ms, there = fake.state.now_ms() + LOOK_MS, fake.engine.open_orders()
                return any(one.parts and one.parts[-1].at_ms > over_ms and not one.reduce_only for one in there)

            bus = RedisBus(server.url, Names(settings.namespace), lease_s=60, timeout_s=5, maxlens={})
            pause_s = PAUSE_S if protect else 0.0
            asker = Asker(bus, SYMBOLS, orders, PARTITIONS, rng, price=price, pause_s=pause_s)
            adversary = Adversary(fake, place, rng)
            with Line(folder, server.url, as_variables(values)) as line:
                line.start(*GATEWAYS)
                faults = fake.state.random_faults
                faults.chances, faults.apart_ms = TROUBLES, APART_PROTECTED_MS if protect else APART_MS
                disturber = Disturber(line, settings, asker, rng, rests, server if bus_too else None)
                asking = asyncio.create_task(asker.run())
                yield Traders(fake, sent, settings, asker, adversary, disturber, line, asking)
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


async def judged(them: Traders, place: Place, say: Say, counts: Counts) -> None:
    """Judges what all know of the orders, when nothing is at work any more, and counts what they have met."""
    evidence = await Evidence.of(them.settings, them.fake, them.sent, them.asker, place)
    faults, missed = evidence.faults(), missed_plants(evidence)
    assert not faults, "\n".join(faults)
    assert not missed, f"not found where they were planted: {missed}"
    iocs, adversary, disturber = evidence.iocs, them.adversary, them.disturber
    counts.asked, counts.orders = len(evidence.asked), len(evidence.accepted)
    counts.iocs, counts.ended_short = iocs.total(), iocs["missed"] + iocs["partial"]
    counts.kills, counts.takeovers = disturber.kills, len(disturber.taken_over)
    counts.beyond_lease = sum(hurt.stopped_ms > LEASE_MS for hurt in disturber.hurts)
    counts.races = adversary.races
    say(f"{evidence.human()}; {counts.takeovers} take-overs")
    say(f"IOCs: {dict(iocs)}; cancels: {dict(adversary.counts)}, {counts.races} races")
