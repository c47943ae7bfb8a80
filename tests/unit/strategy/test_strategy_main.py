"""A paper line whose capital was changed in the config: refused at its start, with the way out."""

import asyncio
from decimal import Decimal

import pytest

from services.strategy.live_stage import LiveStrategyStage
from services.strategy.main import build
from shared.bus.api import Commit, Lease, Outcome, Stored
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId, partition_of
from shared.config import Settings, load_settings
from shared.errors import ConfigError
from shared.record import WIRE
from shared.runner.backpressure import Backpressure
from shared.runner.partition import Partition
from shared.runner.spec import Limits
from shared.runner.symbol import FIELD, Symbol
from shared.runner.worker import Worker
from tests.until import until

SYM = "BTCUSDT"
LIMITS = Limits(round_s=0.05, stall_s=0.002, backoff_s=0.02, backoff_max_s=0.1)


def settings(balance: int, mode: str = "paper") -> Settings:
    gateway = {"mode": mode, "venue": "fake", "account": "main", "markets": {SYM: "BTC/USDT:USDT"}}
    return load_settings(
        symbols=(SYM,), interval="12h", strategy={"balance": balance}, bus={"partitions": 1},
        **({} if mode == "paper" else {"gateway": gateway}),
    )  # fmt: skip


async def bus_with_a_book(own: Settings) -> MemoryBus:
    bus = MemoryBus(lease_s=5.0, maxlens={})
    session, place = await bus.connect(), PartitionId("strategy", partition_of(SYM, 1))
    lease = await session.acquire(place, "before")
    assert lease is not None
    book = Symbol(SYM, build(own, LIMITS).spec.make_stage(SYM))
    assert await session.commit([Commit(lease, 0, {FIELD + SYM: book.dump()}, [])]) == [Outcome.OK]
    await session.release([lease])
    return bus


def worker(own: Settings, bus: MemoryBus) -> Worker:
    wiring = build(own, LIMITS)
    return Worker(wiring.spec, bus, wiring.feeder, partitions=1, limits=LIMITS)


async def test_another_capital_on_paper_is_refused_at_the_start_and_names_a_new_namespace() -> None:
    bus = await bus_with_a_book(settings(100))
    with pytest.raises(
        ConfigError, match=r"strategy.balance is 200, but .* begun with 100.*another bus.namespace than"
    ):
        async with asyncio.timeout(20):
            await worker(settings(200), bus).run()


async def test_the_same_capital_goes_on() -> None:
    bus = await bus_with_a_book(settings(100))
    at_work = worker(settings(100), bus)
    running = asyncio.create_task(at_work.run())
    await until(lambda: bool(bus.partition(PartitionId("strategy", 0)).owner))
    at_work.stop()
    await running


@pytest.mark.parametrize("mode", ["testnet", "paper"])
async def test_while_an_older_tickline_takes_part_a_live_book_knows_that_no_limit_can_be_read(mode: str) -> None:
    """Also one that is restored at once, before anything is read; when the old one has gone it may go on."""
    own = settings(100, mode)
    bus = await bus_with_a_book(own)
    bus.wire = 4
    old = await bus.connect()
    await old.join("gateway-old", "old", 4)
    at_work = worker(own, bus)
    running = asyncio.create_task(at_work.run())

    def takes_limits() -> list[bool]:
        stages = [part.symbol(SYM).stage for part in at_work._parts.values()]
        return [stage.takes_limits for stage in stages if isinstance(stage, LiveStrategyStage)]

    live = mode == "testnet"
    if live:
        await until(lambda: takes_limits() == [False])
    await old.leave("gateway-old", "old")
    await until(lambda: [part.wire for part in at_work._parts.values()] == [WIRE])
    await until(lambda: takes_limits() == [True] * live)
    at_work.stop()
    await running


async def test_the_books_of_one_partition_are_taken_back_in_a_call_so_that_leases_are_renewed_in_between() -> None:
    own = load_settings(symbols=tuple(f"S{number}" for number in range(30)), bus={"partitions": 3})
    spec, feeder = build(own, LIMITS)[:2]
    leases = [Lease(PartitionId("strategy", p), "me", 1) for p in range(3)]
    parts = [Partition(spec, LIMITS, lease, Stored(0, {}), "run", {}) for lease in leases]
    session, pressure = await MemoryBus(lease_s=5.0, maxlens={}).connect(), Backpressure(spec, LIMITS)
    each = [sum(partition_of(sym, 3) == p for sym in own.symbols) for p in range(3)]
    for called in range(1, 5):
        await feeder.gather(session, parts, pressure, 0.0)
        assert [len(part.known) for part in parts] == [*each[:called], 0, 0][:3]


def test_a_book_at_a_venue_takes_its_capital_back_whatever_the_config_says() -> None:
    """What the config says there is the gateway's to judge: it has the journal."""
    before, after = (build(settings(balance, "testnet"), LIMITS).spec.make_stage(SYM) for balance in (100, 250))
    before.account.fund(Decimal(175))  # type: ignore[attr-defined]
    after.restore(before.state())
    assert (after.account.capital, after.account.balance()) == (175, 175)  # type: ignore[attr-defined]
