"""What a stream may lose: what all consumers have and is old enough; what a recorder lacks, for a while."""

import time
from decimal import Decimal

import pytest

from services.gateway.paper import PaperStage
from shared.bus.api import Stored
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId
from shared.messages import Stream
from shared.runner.backpressure import Backpressure
from shared.runner.partition import Partition
from shared.runner.spec import Limits, Output, ServiceSpec

LIMITS = Limits(trim_age_s=60.0)
HOLD = 50
HOLD_S = 600.0


def ago(seconds: float) -> bytes:
    return b"%d-0" % ((time.time() - seconds) * 1000)


async def lowest_kept(consumer: bytes, recorder: bytes | None, written: int = 9) -> float:
    """How many seconds old the lowest entry is that a trim keeps. consumer, recorder: their committed cursors."""
    bus = MemoryBus(lease_s=30, maxlens={})
    recorders = () if recorder is None else ("recorder",)
    output = Output(Stream.ORDERS, ("gateway",), trim=True, recorders=recorders, hold_s=HOLD_S, hold_entries=HOLD)
    plan = ServiceSpec("strategy", lambda sym: PaperStage(Decimal(0), Decimal(0)), outputs=(output,))
    session = await bus.connect()
    lease = await session.acquire(PartitionId("strategy", 0), "writer")
    assert lease is not None
    part = Partition(plan, LIMITS, lease, Stored(0, {"out:orders": b"%d" % written}), session.run_id, {})
    bus.partition(PartitionId("gateway", 0)).fields["in:orders"] = consumer + b" 9"
    if recorder:
        bus.partition(PartitionId("recorder", 0)).fields["in:orders"] = recorder + b" 9"
    await Backpressure(plan, LIMITS).trim(session, [part])
    return time.time() - int(part.trims[Stream.ORDERS].partition("-")[0]) / 1000


@pytest.mark.parametrize(
    ("consumer_s", "recorder_s", "kept_s"),
    [
        (5, None, 60),  # a minute stays in any case
        (90, None, 90),  # the consumer does not have it yet
        (5, 5, 60),
        (5, 90, 90),  # the recorder does not have it yet
        (120, 90, 120),
        (5, 900, HOLD_S),  # a recorder that is away holds it only so long
        (5, 0, HOLD_S),  # as does one that never was there
    ],
)
async def test_a_trim_keeps(consumer_s: float, recorder_s: float | None, kept_s: float) -> None:
    recorder = None if recorder_s is None else ago(recorder_s) if recorder_s else b""
    assert await lowest_kept(ago(consumer_s), recorder) == pytest.approx(kept_s, abs=2)


@pytest.mark.parametrize(("lacking", "kept_s"), [(HOLD, 90), (HOLD + 1, 60)])
async def test_a_recorder_that_lacks_too_much_is_not_waited_for(lacking: int, kept_s: float) -> None:
    """One that is dead would fill the bus, however young the entries are."""
    assert await lowest_kept(ago(5), ago(90), 9 + lacking) == pytest.approx(kept_s, abs=2)


async def test_a_recorder_does_not_hold_up_the_producer() -> None:
    output = Output(Stream.ORDERS, ("gateway",), bound=5, trim=True, recorders=("recorder",))
    plan = ServiceSpec("strategy", lambda sym: PaperStage(Decimal(0), Decimal(0)), outputs=(output,))
    bus = MemoryBus(lease_s=30, maxlens={})
    session = await bus.connect()
    lease = await session.acquire(PartitionId("strategy", 0), "writer")
    assert lease is not None
    part = Partition(plan, LIMITS, lease, Stored(0, {"out:orders": b"40"}), session.run_id, {})
    bus.partition(PartitionId("gateway", 0)).fields["in:orders"] = b"9-0 38"
    flow = Backpressure(plan, LIMITS)
    await flow.refresh(session, [part])
    assert flow.room(part) == 3
