"""An account with many restored books, in a process of its own: `python -m tests.bench.symbols.restored N EXECUTIONS`.

The journal is SQLite on disk, as of a gateway that was stopped; the exchange is the simulator, called without a socket;
the bus is in memory, and has all that the journal has. Prints JSON.
"""

import asyncio
import json
import logging
import sys
import tempfile
import time
from collections.abc import Awaitable
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import structlog
import uvloop

from services.gateway.execution.engine import ExecutionEngine, GatewayReader, GatewayStage
from services.gateway.execution.session_context import SessionConfig
from services.gateway.live import live_plan
from services.gateway.risk.check import RiskRules
from services.gateway.risk.context import RiskContext
from services.gateway.risk.limits import RiskCheck
from services.strategy.plan import plan as strategy_plan
from services.strategy.stage import StrategyStage
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId, partition_of
from shared.config import Settings, load_settings
from shared.control.books import book_of, execution_row
from shared.control.capital import begun_row
from shared.journal.journal import Journal
from shared.journal.rows import Change
from shared.messages import ExecutionReport, Leg, OrderStatus, Stream
from shared.orders import VenueQuote
from shared.runner.backpressure import BusReader
from shared.runner.spec import Limits
from shared.runner.symbol import FIELD, Symbol
from shared.runner.worker import Worker
from tests.journal_rows import order
from tests.simulator_venues import OKX, InProcess, in_process
from tests.until import until

P = 8
LEASE_S = 300.0  # what is measured blocks the loop longer than a lease would last where the machine is busy
JUDGED = 500
MB = 2**20
WRITTEN_AT_ONCE = 2_000
READY_S = 600.0


def settings_of(folder: Path, made: InProcess) -> Settings:
    """Returns the settings of a live gateway and strategy on all of the simulator's markets."""
    return load_settings(
        symbols=tuple(made.syms), interval="12h", state_dir=folder, bus={"partitions": P},
        signal={"model": "none"},
        strategy={"name": "moving_average_cross", "balance": "100", "max_slippage_bps": "none"},
        gateway={
            "mode": "testnet", "venue": "fake", "fake_url": "http://127.0.0.1:1", "exchange": "okx", "account": "bench",
            "markets": {sym: OKX.market_of(sym.removesuffix("USDT")) for sym in made.syms},
            "risk": {"max_order_notional": 10_000, "max_position_notional": 10_000, "orders_per_minute": 100_000,
                     "daily_loss": 10_000, "max_leverage": 3},
        },
    )  # fmt: skip


def report(sym: str, n: int) -> ExecutionReport:
    """Returns a book's n-th report: it buys one, sells it again, and so on."""
    return ExecutionReport(
        n=n, sym=sym, ts_event=n, tr=f"bench:{sym}:{n}", tick_n=n, order_n=n, client_order_id=f"{sym}{n:08d}",
        leg=Leg.NET, status=OrderStatus.FILLED, last_qty=Decimal(1 if n % 2 else -1), last_px=Decimal(100),
        commission=Decimal("0.01"), reason=None,
    )  # fmt: skip


async def fill_journal(settings: Settings, executions: int) -> None:
    """Writes books with so many executions each; an odd number leaves a position."""
    async with await Journal.open(settings.journal_url, "bench", durable=False) as journal:
        epoch, changes = await journal.raise_epoch("bench"), list[Change]()
        for sym in settings.symbols:
            book = book_of(settings, sym)
            changes.append(begun_row(book, settings.strategy.balance))
            changes += (execution_row(book, report(sym, n), 1) for n in range(1, executions + 1))
            if len(changes) >= WRITTEN_AT_ONCE:
                await journal.write(changes, epoch)
                changes = []
        await journal.write(changes, epoch)


def fill_bus(bus: MemoryBus, settings: Settings, executions: int) -> None:
    """Puts snapshots on the bus that know all reports of the journal."""
    for sym in settings.symbols:
        stage = GatewayStage()
        stage._numbers.restore({Stream.EXECUTIONS: executions})
        symbol = Symbol(sym, stage, sent={Stream.EXECUTIONS: executions})
        place = PartitionId(settings.gateway.instance, partition_of(sym, P))
        bus.partition(place).fields[FIELD + sym] = symbol.dump()


def strategy_books(settings: Settings) -> dict[str, float]:
    """Returns what it takes to take the strategy's live books back, and their snapshots' bytes, each of a symbol."""
    spec = strategy_plan(settings)
    first = spec.make_stage(settings.symbols[0])
    assert isinstance(first, StrategyStage)
    first.account.open_position(settings.symbols[0], Decimal(1), Decimal(100))
    snapshot = Symbol(settings.symbols[0], first).dump()
    before, began_s = psutil.Process().memory_info().rss, time.perf_counter()
    kept = []
    for sym in settings.symbols:
        symbol = Symbol(sym, spec.make_stage(sym))
        symbol.restore(snapshot)
        kept.append(symbol)
    took_s, held = time.perf_counter() - began_s, psutil.Process().memory_info().rss - before
    count = len(kept)
    return {"us": round(took_s / count * 1e6, 1), "bytes": len(snapshot), "kb": round(held / count / 1024, 1)}


async def _quiet(*given: Any, **named: Any) -> None:
    """Opens nothing: the venue is open."""


def judged(risk: RiskContext, syms: list[str]) -> dict[str, float]:
    """Returns µs to judge an order beside all books, and ms to take quotes of all symbols in."""
    quotes = {sym: VenueQuote(sym, Decimal(99), Decimal(101), time.time_ns() // 1_000_000) for sym in syms}
    rows = [order(n, sym=syms[n % len(syms)], intended_qty=Decimal(1), price=Decimal(100)) for n in range(JUDGED)]
    risk.judge(rows[0])
    began_s = time.perf_counter()
    for row in rows:
        risk.judge(row)
    each_s = (time.perf_counter() - began_s) / JUDGED
    began_s = time.perf_counter()
    risk.see_quotes(quotes)
    risk.judge(rows[0])
    return {"us": round(each_s * 1e6, 1), "quotes_ms": round((time.perf_counter() - began_s) * 1e3, 2)}


async def _longest_stall(work: Awaitable[object]) -> float:
    """Returns by how much the loop let a timer wait at most, in seconds, until that is over."""
    longest_s, task = 0.0, asyncio.ensure_future(work)
    while not task.done():
        began_s = time.monotonic()
        await asyncio.sleep(0.01)
        longest_s = max(longest_s, time.monotonic() - began_s - 0.01)
    await task
    return longest_s


async def measured(folder: Path, count: int, executions: int) -> dict[str, Any]:
    """Returns what is measured of one account."""
    made = in_process(OKX, count, throttled=False)
    settings = settings_of(folder, made)
    await fill_journal(settings, executions)
    bus = MemoryBus(lease_s=LEASE_S, maxlens={})
    fill_bus(bus, settings, executions)
    began_s = time.monotonic()
    await made.venue.open()
    opened_s = time.monotonic() - began_s
    made.venue.open = _quiet  # type: ignore[method-assign]

    async def journal() -> Journal:
        return await Journal.open(settings.journal_url, "bench", durable=True, reserve=True)

    rules, limits = RiskRules.of(settings), Limits(lease_s=LEASE_S)
    engine = ExecutionEngine(SessionConfig.of(settings), RiskCheck(rules), journal, lambda: made.venue)
    reader = GatewayReader(BusReader(limits), engine)
    worker = Worker(live_plan(settings), bus, reader, partitions=P, limits=limits, store=engine)
    before, began_s = psutil.Process().memory_info().rss, time.monotonic()
    working = asyncio.create_task(worker.run())

    stall_s = await _longest_stall(until(lambda: engine.account is not None, within_s=READY_S))
    taken_s = time.monotonic() - began_s
    await until(lambda: engine.account is not None and engine.account.context.risk.ready, within_s=READY_S)
    ready_s, held = time.monotonic() - began_s, psutil.Process().memory_info().rss - before
    assert engine.account is not None
    risk = judged(engine.account.context.risk, made.syms)
    worker.stop()
    await working
    return {
        "markets_s": round(opened_s, 2), "taken_over_s": round(taken_s, 2), "ready_s": round(ready_s, 2),
        "stall_s": round(stall_s, 3), "gateway_kb": round(held / count / 1024, 1), "judge": risk,
        "strategy": strategy_books(settings),
    }  # fmt: skip


def main() -> None:
    """Measures and prints."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    count, executions = int(sys.argv[1]), int(sys.argv[2])
    with (
        tempfile.TemporaryDirectory(prefix="bench-symbols-") as folder,
        patch("tests.simulator_venues.ROUND_TRIP_S", 0),
    ):
        print(json.dumps(uvloop.run(measured(Path(folder), count, executions))))


if __name__ == "__main__":
    main()
