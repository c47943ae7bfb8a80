"""Whatever goes wrong and whoever goes next, what is written is true, or a Gap says that it is not.

`TICKLINE_SEEDS=1000 make test ARGS=tests/integration/ingestor/test_races.py` looks at more of them.
"""

import asyncio
import os
import random

import pytest

from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.simulator import Simulator, TradePlan
from services.simulator.websocket.faults import MessageFault, Trouble
from shared.bus.memory_bus import MemoryBus
from shared.messages import Gap, GapCause, MarketTick
from tests.integration.ingestor.line import BTC, ETH, MARKETS, S_NS, check, ingesting, new_bus, perfect, ticks, told
from tests.integration.ingestor.line import until_ticks as enough
from tests.memory_wire import WiredSimulator, wired
from tests.until import until
from tests.virtual_time import virtually

pytestmark = pytest.mark.usefixtures("wires")
SEEDS = int(os.environ.get("TICKLINE_SEEDS", "12"))
PLAN = TradePlan(rate=60, past_ms=60_000, past_rate=3)
MESSAGES = (Trouble.GAP, Trouble.DUPLICATE, Trouble.REORDER, Trouble.LATE, Trouble.WRONG_TYPE)
WHOLE = (Trouble.DISCONNECT, Trouble.SILENCE)


def true_or_said(bus: MemoryBus, fake: Simulator, sym: str) -> None:
    """Each tick is the history's bar, or a LATE Gap comes behind it; none is missing without an UNFILLED one."""
    said = told(bus, sym)
    assert [message.n for message in said] == list(range(1, len(said) + 1))
    last = late = None
    for message in reversed(said):
        if isinstance(message, MarketTick):
            right = message.price == perfect(fake.histories[sym], message.ts_event, 1, fake)
            assert right or late, f"{message.human()} is wrong, and nobody says so"
            if last is not None:
                assert last.ts_event == message.ts_event + S_NS, f"what is behind {message.human()} is missing"
            last = message
        elif isinstance(message, Gap):
            late = late or message.cause is GapCause.LATE
            last = None if message.cause is GapCause.UNFILLED else last


async def troubled(fake: WiredSimulator, dice: random.Random) -> None:
    """Some seconds with some faults; behind them all is well again."""
    faults, answers = fake.websockets.message_faults, list[Fault]()
    for _ in range(dice.randint(1, 4)):
        await asyncio.sleep(dice.uniform(0.0, 2.0))
        match dice.choice(("messages", "messages", "whole", "answers", "silence", "cut")):
            case "messages":
                size, skip = dice.choice((1, 5, 30, 90)), dice.randint(0, 20)
                faults.switched.append(
                    MessageFault(dice.choice(MESSAGES), skip=skip, size=size, ms=dice.randint(1, 400))
                )
            case "whole":
                faults.switched.append(MessageFault(dice.choice(WHOLE), torn=dice.random() < 0.5, ms=60_000))
            case "answers":
                answers += [Fault(FaultMode.STATUS, path, status=503, times=1000) for path in ("aggTrades", "klines")]
                fake.server.faults += answers
            case "silence":
                fake.server.faults.append(Fault(FaultMode.STATUS, "Trades", status=429, headers={"Retry-After": "3"}))
            case _:
                fake.passes.clear()
                await asyncio.sleep(dice.uniform(0.1, 4.0))
                fake.passes.set()
    await asyncio.sleep(dice.uniform(0.0, 4.0))
    fake.server.faults.clear()
    faults.switched.clear()


@pytest.mark.parametrize("websocket", [True, False])
@virtually(seeds=SEEDS, busy_s=0.05)
async def test_what_is_written_is_true_or_is_said_not_to_be(seed: int, websocket: bool) -> None:
    dice, bus = random.Random(seed), new_bus()
    changed = {"websocket": websocket, "poll_s": 0.3, "timeout_s": 1.0, "attempts": dice.choice((1, 3))}
    async with (
        wired("binance", plan=PLAN, seed=seed) as fake,
        ingesting(bus, fake.url, markets=MARKETS, **changed) as ingestor,
    ):
        await enough(bus, 1, every_s=0.05)
        await troubled(fake, dice)
        for sym in (BTC, ETH):
            await enough(bus, len(ticks(bus, sym)) + 3, sym, within_s=120.0, every_s=0.05)
            true_or_said(bus, fake, sym)
        assert not ingestor.task.done()


@virtually(seeds=SEEDS, busy_s=0.05)
async def test_what_comes_late_or_again_or_over_another_connection_changes_nothing(seed: int) -> None:
    """Silence is believed for less than the grace, and all that was missed can be fetched: there is no Gap."""
    dice, bus = random.Random(seed), new_bus()
    changed = {"silence_ns": S_NS // 5, "grace_ns": S_NS // 2}
    async with wired("binance", plan=PLAN, seed=seed) as fake, ingesting(bus, fake.url, markets=MARKETS, **changed):
        await enough(bus, 1, every_s=0.05)
        for _ in range(dice.randint(1, 6)):
            await asyncio.sleep(dice.uniform(0.0, 1.0))
            trouble = dice.choice((*MESSAGES, *WHOLE))
            fake.websockets.message_faults.switched.append(
                MessageFault(trouble, size=dice.choice((1, 5, 30)), ms=dice.randint(1, 200), torn=dice.random() < 0.5)
            )
        for sym in (BTC, ETH):
            await enough(bus, len(ticks(bus, sym)) + 3, sym, every_s=0.05)
            check(bus, fake, sym)


@virtually(seeds=SEEDS, busy_s=0.05)
async def test_replicas_that_are_killed_at_any_moment_leave_no_hole(seed: int) -> None:
    dice, bus = random.Random(seed), new_bus(lease_s=2.0)
    async with wired("binance", plan=PLAN, seed=seed) as fake, ingesting(bus, fake.url, markets=MARKETS) as lasting:
        await enough(bus, 1, every_s=0.05)
        for _ in range(3):
            async with ingesting(bus, fake.url, markets=MARKETS):
                await asyncio.sleep(dice.uniform(0.0, 3.0))
        await until(lambda: sorted(lasting.feeder.feeds()) == [BTC, ETH], every_s=0.05)
        for sym in (BTC, ETH):
            await enough(bus, len(ticks(bus, sym)) + 3, sym, every_s=0.05)
            check(bus, fake, sym)
