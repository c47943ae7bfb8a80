"""Real gateways whose positions have stops at the exchange, killed and stopped while the prices run through them."""

import asyncio
import random
from contextlib import suppress
from pathlib import Path

import pytest

from tests.chaos.evidence import Evidence
from tests.chaos.naked import Share
from tests.chaos.stop_evidence import StopEvidence, missed_stop_plants
from tests.chaos.traders import Say, Size, Traders, disturbed, judged, traders
from tests.simulator_venues import BINANCE, BYBIT, OKX, Place, named
from tests.until import until

PROTECT = {"stop_bps": "100", "take_profit_bps": "150"}
SETTLED_S = 90.0


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("place", [BINANCE, OKX, BYBIT], ids=named)
async def test_every_position_has_its_stop(
    folder: Path, rng: random.Random, short: bool, say: Say, place: Place
) -> None:
    """Protected positions, while the prices run through their stops, and a third of all triggers come to nothing."""
    size = Size(6, 3, 0, 8, 1, 0, 1) if short else Size(110, 36, 8, 200, 20, 20, 20)
    async with traders(folder, rng, place, size.orders, protect=PROTECT) as them:
        moving = asyncio.create_task(them.adversary.move())
        await disturbed(them, size, say)
        moving.cancel()
        them.fake.state.random_faults.chances = {}
        with suppress(AssertionError):  # what is left is told below
            await until(lambda: at_rest(them, place), within_s=SETTLED_S, every_s=1.0)
    await judged(them, place, say)
    away = them.disturber.away()
    evidence = await StopEvidence.of(them.settings, them.fake, them.adversary, place, away)
    faults = evidence.faults()
    assert not faults, "\n".join(faults)
    assert missed_stop_plants(evidence) == []
    adversary = them.adversary
    say(f"triggers: {dict(adversary.triggers)}; {len(adversary.orphans)} orphaned stops")
    say(f"no stop: {Share.of(evidence.held_spans, evidence.naked_spans)} by the exchange's book")
    say(f"no stop: {Share.of(evidence.held_spans, evidence.noted_spans)} by the journal")
    at_work = [span for span in evidence.naked_spans if not span.meets(away)]
    say(f"no stop while a gateway was at work: {Share.of(evidence.held_spans, at_work)}")
    assert adversary.triggers["all"] >= size.triggers
    assert adversary.failed_triggers >= size.failed
    assert adversary.races >= size.races
    assert len(adversary.orphans) >= size.orphans


async def at_rest(them: Traders, place: Place) -> bool:
    """Says whether all know the same of every order and stop, and each position has one stop that closes it."""
    them.fake.engine.advance(them.fake.state.now_ms())
    if not them.asker.settled or (await Evidence.of(them.settings, them.fake, them.asker, place)).faults():
        return False
    return not (await StopEvidence.of(them.settings, them.fake, them.adversary, place)).faults()
