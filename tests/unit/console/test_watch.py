"""A view of the line: what an earlier run left on the bus is not this run's."""

from collections.abc import Sequence
from decimal import Decimal

from services.console.watch import View, Watcher
from services.research.line import InProcessLine, line_plans
from services.strategy.stage import StrategyStage
from shared.bus.api import Commit, Outcome
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId, partition_of
from shared.config import Settings, load_settings
from shared.runner.progress import Progress
from shared.runner.symbol import FIELD, Symbol

TICKS = 20
SIMULATED: Settings = load_settings(ingestor={"ticks_per_s": 0.0})


async def ran(bus: MemoryBus, symbols: Sequence[str]) -> dict[str, Decimal]:
    """The snapshots of a run's end on the bus; symbol -> equity."""
    plans = line_plans(SIMULATED)
    equities = {}
    session = await bus.connect()
    for sym in symbols:
        line = InProcessLine(plans, sym)
        for quote in plans.source.open(sym, 0).take(TICKS):
            line.on_tick(quote)
        equities[sym] = line.strategy.equity()
        for instance, stage in (("ingestor", line._ingest), ("strategy", line.strategy)):
            place = PartitionId(instance, partition_of(sym, SIMULATED.bus.partitions))
            lease = await session.acquire(place, "test")
            assert lease is not None
            (stored,) = await session.load([place])
            snapshot = Symbol(sym, stage).dump()
            assert await session.commit([Commit(lease, stored.seq, {f"{FIELD}{sym}": snapshot}, [])]) == [Outcome.OK]
            await session.release([lease])
    await session.close()
    return equities


async def test_only_the_runs_own_symbols_count_in_their_order() -> None:
    bus = MemoryBus(lease_s=30.0, maxlens={})
    equities = await ran(bus, ("SIM-C", "SIM-B", "SIM-A", "SIM-D"))
    watcher = Watcher(bus, load_settings(symbols=("SIM-A", "SIM-B", "SIM-C", "NEW")))
    view = await watcher.look()
    assert view.equity == equities["SIM-A"] + equities["SIM-B"] + equities["SIM-C"] + 100
    assert view.taken == dict.fromkeys(("SIM-A", "SIM-B", "SIM-C"), TICKS)
    assert view.decided == dict.fromkeys(("SIM-A", "SIM-B", "SIM-C"), TICKS)
    assert list(view.books) == ["SIM-A", "SIM-B", "SIM-C", "NEW"]
    await watcher.close()


async def test_the_capital_and_the_orders_in_flight_are_those_of_the_books() -> None:
    book = line_plans(SIMULATED).strategy.make_stage("SIM-A")
    assert isinstance(book, StrategyStage)
    book.account.fund(Decimal(70))
    book._in_flight.append("order")
    seen = View({}, Progress({}, {}), {"SIM-A": book, "NEW": None}, Decimal(100))
    assert (seen.capital, seen.in_flight) == (Decimal(170), {"SIM-A": 1})


async def test_a_run_is_complete_when_each_symbol_has_its_ticks() -> None:
    """More ticks than were asked for, of this symbol or of others, neither end it too early nor never."""
    bus = MemoryBus(lease_s=30.0, maxlens={})
    await ran(bus, ("SIM-A", "SIM-B"))
    view = await Watcher(bus, load_settings(symbols=("SIM-A", "NEW"))).look()
    assert view.complete({"SIM-A": TICKS})
    assert view.complete({"SIM-A": 3})
    assert not view.complete({"SIM-A": TICKS + 1})
    assert not view.complete({"SIM-A": 3, "NEW": 3})
