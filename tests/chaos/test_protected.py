"""Real gateways whose positions have stops at the exchange, killed and stopped while the prices run through them."""

import asyncio
import random
from contextlib import suppress
from pathlib import Path

import pytest

from tests.chaos.account import listed
from tests.chaos.counts import Counts, CountsFile
from tests.chaos.evidence import Evidence
from tests.chaos.naked import Share, closes
from tests.chaos.stop_evidence import AT_WORK, LOSS, NOTED, StopEvidence, missed_stop_plants
from tests.chaos.sums import FOLLOWING, PROTECTED, SHOWN
from tests.chaos.traders import Say, Size, Traders, disturbed, judged, traders
from tests.simulator_venues import HYPERLIQUID, SWAPS, Place, named
from tests.until import until

PROTECT = {"stop_bps": "100", "take_profit_bps": "150"}
SETTLED_S = 90.0


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("place", SWAPS, ids=named)
async def test_every_position_has_its_stop(
    folder: Path, rng: random.Random, short: bool, say: Say, counts_file: CountsFile, place: Place
) -> None:
    """Protected positions, while the prices run through their stops, and a third of all triggers come to nothing."""
    rests = 0 if place is HYPERLIQUID else 1  # nothing rests there
    size = Size(3, 2) if short else Size(60, 20, 5 * rests)
    with counts_file.form(PROTECTED, place.exchange) as counts:
        async with traders(folder, rng, place, size.orders, protect=PROTECT) as them:
            moving = asyncio.create_task(them.adversary.move())
            await disturbed(them, size, say)
            moving.cancel()
            them.fake.state.random_faults.chances = {}
            with suppress(AssertionError):  # what is left is told below
                await until(lambda: at_rest(them, place), within_s=SETTLED_S, every_s=1.0)
        await judged(them, place, say, counts)
        evidence = await StopEvidence.of(them.settings, them.fake, them.adversary, place, them.disturber.away())
        faults = evidence.faults()
        (folder / "exchange.txt").write_text("\n".join(events(them)) + "\n")  # kept where the test fails
        assert not faults, "\n".join(faults)
        assert missed_stop_plants(evidence) == []
        counted(them, evidence, counts)
        triggers = dict(them.adversary.triggers)
        say(f"triggers: {triggers}; {counts.orphans} orphaned stops; held for {counts.held_ms / 1000:.0f} s")
        for name in SHOWN:
            say(f"no stop, {name}: {Share.of(counts.held_ms, counts.naked_ms[name])}")
        if place.exchange in FOLLOWING:
            assert max(counts.naked_ms[NOTED] + counts.naked_ms[AT_WORK], default=0) <= counts.bound_ms


def events(them: Traders) -> list[str]:
    """Returns all fills and versions of stops that the exchange had, a line each, by market and time."""
    engine = them.fake.engine
    found = [(fill.sym, fill.at_ms, str(fill)) for fill in engine.fills]
    found += [(stop.sym, stop.updated_ms, str(stop)) for stop in them.adversary.versions]
    return [f"{at_ms} {text}" for _, at_ms, text in sorted(found, key=lambda one: one[:2])]


def counted(them: Traders, evidence: StopEvidence, counts: Counts) -> None:
    """Counts what the stops have met."""
    adversary = them.adversary
    counts.triggers, counts.failed = adversary.triggers["all"], adversary.failed_triggers
    counts.orphans = len(adversary.orphans)
    counts.held_ms, counts.naked_ms = evidence.held_ms, evidence.naked_ms()
    counts.bound_ms = round(them.settings.strategy.protect.naked_s * 1_000)


async def at_rest(them: Traders, place: Place) -> bool:
    """Says whether all know the same of every order and stop, and each position has one stop that closes it.

    Everything is gone through only where what can be seen at a glance is as it should be: the exchange answers nobody
    meanwhile.
    """
    fake, asker = them.fake, them.asker
    fake.engine.advance(fake.state.now_ms())
    if not asker.settled or fake.engine.open_orders():
        return False
    for sym, book in asker.books.items():
        held = fake.engine.wallet.holding(listed(place, sym)).qty
        losses = [stop for stop in fake.engine.stops.waiting(listed(place, sym)) if stop.kind in LOSS]
        bare = bool(held) and not any(closes(stop, held) for stop in losses)
        if held != book.held or len(losses) > 1 or (bare and place is not HYPERLIQUID):
            return False
    if (await Evidence.of(them.settings, fake, them.sent, asker, place)).faults():
        return False
    return not (await StopEvidence.of(them.settings, fake, them.adversary, place)).faults()
