"""A view of the line: what an earlier run left on the bus is not this run's."""

import os
import re
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from services.console.run.status import AccountLine, View, Watcher, one_history
from services.console.run.try_out import fake_settings
from services.console.settings import RunOptions
from services.research.in_process_line import InProcessLine, line_plans
from services.strategy.stage import StrategyStage
from shared.bus.api import Commit, Outcome
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId, partition_of
from shared.config import Settings, load_settings
from shared.config.fingerprint import config_hash
from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow, ExternalRow, LatchRow
from shared.runner.health import alive_file
from shared.runner.progress import Progress
from shared.runner.symbol import FIELD, Symbol
from shared.strategies.identity import decided_by_config
from shared.wall_time import UTC_TIME

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


# What the run says of the account, by its journal.

ASKS = (
    "nothing that adds exposure is sent; in another terminal: "
    "A=b tickline arm --account fake --max-notional 2500 --for 12h"
)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.chdir(tmp_path)
    return fake_settings(RunOptions())


async def said(settings: Settings) -> str:
    line = AccountLine(settings, "A=b tickline", UTC_TIME)
    try:
        return await line.look()
    finally:
        await line.close()


async def opened(settings: Settings) -> Journal:
    return await Journal.open(settings.journal_url, "fake", durable=False)


def arming(settings: Settings, *, for_ms: int = 60_000, config: str = "", by: str = "") -> ArmingRow:
    now_ms = time.time_ns() // 1_000_000
    by = by or decided_by_config(settings)
    return ArmingRow(
        settings.strategy.balance, now_ms - 1_000, now_ms + for_ms, config or config_hash(settings), "me", by
    )  # fmt: skip


async def test_nothing_before_there_is_a_journal(settings: Settings) -> None:
    assert await said(settings) == ""
    assert not settings.state_dir.exists(), "looking makes none"


async def test_from_not_armed_to_armed_and_held(settings: Settings) -> None:
    settings.state_dir.mkdir()
    async with await opened(settings) as journal:
        assert await said(settings) == f"not armed: {ASKS}"
        await journal.write_by_person([arming(settings, for_ms=-1)])
        assert re.fullmatch(rf"armed no more, since 20\S+ \S+ UTC: {re.escape(ASKS)}", await said(settings))
        await journal.write_by_person([arming(settings, config="c" * 64)])
        assert await said(settings) == f"armed for another config, which does not count: {ASKS}"
        await journal.write_by_person([arming(settings, by="0" * 16)])
        assert await said(settings) == f"armed for another strategy, model or code of theirs: {ASKS}"
        await journal.write_by_person([arming(settings)])
        assert (await said(settings)).startswith("armed until ")
        assert (await said(settings)).endswith(" UTC, for positions of at most 1000")
        await journal.write_by_person([ExternalRow("BALANCE", "", "balance", "1 more", 1, "")])
        assert (await said(settings)).endswith("; 1 difference waits for a person: A=b tickline resolve")
        await journal.write_by_person([LatchRow("OTHER_BUS", "b2 instead of b1", "gateway", 1)])
        assert await said(settings) == "held by OTHER_BUS: in another terminal: A=b tickline adopt"
        await journal.write_by_person([LatchRow("HALT", "by hand", "me", 1)])
        assert await said(settings) == (
            "held by HALT, OTHER_BUS: in another terminal: A=b tickline resume HALT, A=b tickline adopt"
        )


async def test_a_gateway_that_is_not_at_work_says_why(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier run wrote is no reason of this one's: until it says one it is starting."""
    now_s = 1000.0
    monkeypatch.setattr("services.console.run.status.time.monotonic", lambda: now_s)
    monkeypatch.setattr("services.console.run.status.LOOK_EVERY_S", 0.0)
    log, alive = settings.state_dir / "logs" / "gateway.log", alive_file(settings.state_dir, "gateway")
    log.parent.mkdir(parents=True)
    log.write_text('{"why": "an old one"}\n')
    alive.touch()
    os.utime(alive, (0, 0))  # by an earlier run
    line = AccountLine(settings, "A=b tickline", UTC_TIME)
    assert await line.look() == ""
    now_s += 12
    assert await line.look() == f"the gateway is starting (log: {log})"
    now_s += 60
    assert await line.look() == f"the gateway is starting, for more than a minute (log: {log})"
    with log.open("a") as file:
        file.write('{"why": "busy"}\n{"why": "binance refuses"}\n{"event": "partition given up"}\n')
    assert await line.look() == f"the gateway is not at work: binance refuses (log: {log})"
    alive.touch()
    assert await line.look() == ""


async def test_a_gateway_that_was_at_work_and_is_silent_is_not_starting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.console.run.status.MAX_AGE_S", 0.0)
    monkeypatch.setattr("services.console.run.status.fresh", lambda file, now_s: False)
    settings.state_dir.mkdir()
    line = AccountLine(settings, "A=b tickline", UTC_TIME)
    alive = alive_file(settings.state_dir, "gateway")
    alive.touch()
    os.utime(alive, ns=(line._began_ns + 1, line._began_ns + 1))
    log = settings.state_dir / "logs" / "gateway.log"
    assert await line.look() == f"the gateway is not at work: it said nothing (log: {log})"


async def test_a_state_folder_that_is_away_is_what_is_said(settings: Settings) -> None:
    """A verb would find no config there, or make a journal that the line does not have."""
    settings.state_dir.mkdir()
    async with await opened(settings):
        line = AccountLine(settings, "A=b tickline", UTC_TIME)
        assert (await line.look()).startswith("not armed")
        settings.state_dir.rename(settings.state_dir.with_name("away"))
        line._looked_s = 0.0
        assert await line.look() == f"{settings.state_dir} is away: no verb reaches this account until it is put back"
        await line.close()


# A bus that also holds a run with other settings cannot be compared with one backtest.


async def test_other_settings_are_remembered() -> None:
    bus = MemoryBus(lease_s=1.0, maxlens={})
    plain, netting = load_settings(), load_settings(strategy={"params": {"netting": True}})
    assert await one_history(bus, plain)
    assert await one_history(bus, load_settings(symbols=("SIM-A", "X"), ingestor={"limit": 5, "ticks_per_s": 0.0}))
    assert not await one_history(bus, netting)
    assert not await one_history(bus, plain), "what was made in between stays"
