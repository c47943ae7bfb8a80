"""Strategy and gateway feed each other: each is bounded by how far the other is, and neither may wait for ever."""

import asyncio
from decimal import Decimal

import pytest

from services.gateway.paper import PaperStage
from services.strategy.stage import StrategyStage
from shared.bus.api import Commit
from shared.bus.entry import Outgoing
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId
from shared.messages import Prediction, Stream
from shared.runner.backpressure import BusReader
from shared.runner.spec import Input, Limits, Output, ServiceSpec
from shared.runner.worker import Worker
from shared.strategies import BasicTaker
from tests.until import until

LIMITS = Limits(round_s=0.05, stall_s=0.002)
TICKS = 20


def strategy(bound: int) -> ServiceSpec:
    return ServiceSpec(
        "strategy",
        lambda sym: StrategyStage(sym, BasicTaker(), Decimal(100), "book"),
        (Input(Stream.EXECUTIONS, "gateway", strict=True, always=True), Input(Stream.PREDICTIONS, "signal")),
        (Output(Stream.DECISIONS), Output(Stream.ORDERS, ("gateway",), bound)),
    )


def gateway(bound: int) -> ServiceSpec:
    return ServiceSpec(
        "gateway",
        lambda sym: PaperStage(Decimal(0), Decimal(0)),
        (Input(Stream.ORDERS, "strategy", strict=True),),
        (Output(Stream.EXECUTIONS, ("strategy",), bound),),
    )


async def predict(bus: MemoryBus, symbols: int) -> None:
    session = await bus.connect()
    lease = await session.acquire(PartitionId("signal", 0), "writer")
    assert lease is not None
    entries = [
        Outgoing.of(
            Prediction(
                n=n, sym=f"S{i}", ts_event=n, tr=f"t:S{i}:{n}", tick_n=n, price=Decimal(10), y_hat=(-1) ** n * 0.1,
                model="m",
            )
        )
        for n in range(1, TICKS + 1)
        for i in range(symbols)
    ]  # fmt: skip
    await session.commit([Commit(lease, 0, {}, entries)])
    await session.close()


@pytest.mark.parametrize(
    ("bound", "symbols"),
    [(100, 8), (8, 8), (1, 8)],
)
async def test_they_never_wait_for_each_other_for_ever(bound: int, symbols: int) -> None:
    bus = MemoryBus(lease_s=30, maxlens={})
    await predict(bus, symbols)
    workers = [
        Worker(plan, bus, BusReader(LIMITS), partitions=1, limits=LIMITS) for plan in (strategy(bound), gateway(bound))
    ]
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    decisions = Stream.DECISIONS, PartitionId("strategy", 0)
    try:
        await until(lambda: len(bus.streams.get(decisions, [])) == TICKS * symbols)
    finally:
        for worker in workers:
            worker.stop()
        await asyncio.gather(*tasks)
