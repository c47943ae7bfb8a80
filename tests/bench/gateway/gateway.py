"""A gateway as `tickline run` makes it, but for the bus in memory and the clocks: journal on disk, ccxt, the fake."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

from services.gateway.execution.engine import GatewayReader
from services.gateway.execution.session_context import SessionConfig
from services.gateway.live import live_plan
from services.gateway.risk.check import RiskRules
from shared.bus.api import Commit, Outcome
from shared.bus.entry import Outgoing
from shared.bus.names import PartitionId, partition_of
from shared.config import Settings, load_settings
from shared.exchanges.trading.options import fake_keys, venue_options
from shared.journal.rows import ArmingRow
from shared.messages import ExecutionReport, OrderIntent, OrderStatus, Stream
from shared.messages.codec import decode
from shared.runner.backpressure import BusReader
from shared.runner.spec import Limits
from shared.runner.worker import Worker
from tests.bench.gateway.clocked import ClockedBus, ClockedEngine, ClockedJournal, ClockedRisk, ClockedVenue, Places
from tests.bench.gateway.orders import BY, CASH, SYMBOLS

P = 2
DAY_MS = 86_400_000
LEASE_S = 10.0


class Gateway:
    """Orders in; each is awaited by its report."""

    def __init__(self, settings: Settings) -> None:
        self.places = Places()
        self._settings = settings
        self._rules = RiskRules.of(settings)
        self.risk = ClockedRisk(self._rules)
        self._bus = ClockedBus(lease_s=LEASE_S, maxlens={Stream.ORDERS: 256, Stream.EXECUTIONS: 256})
        self._bus.places = self.places
        self._engine = ClockedEngine(SessionConfig.of(settings), self.risk, self._journal, self._venue)
        self._engine.places = self.places
        self._seqs = dict.fromkeys(range(P), 0)
        self._reports: dict[int, list[bytes]] = {p: [] for p in range(P)}  # the ids of those that were awaited

    async def _journal(self) -> ClockedJournal:
        own = self._settings
        made = await ClockedJournal.open(own.journal_url, own.gateway.account, durable=True, reserve=True)
        made.places = self.places
        return made

    def _venue(self) -> ClockedVenue:
        made = ClockedVenue(venue_options(self._settings), fake_keys("binance"))
        made.places = self.places
        return made

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Armed, and at work."""
        async with await self._journal() as journal:
            now = time.time_ns() // 1_000_000
            await journal.write_by_person(
                [ArmingRow(Decimal(CASH), now, now + DAY_MS, self._rules.config_hash, "", BY)]
            )
        limits = Limits(lease_s=LEASE_S)
        plan = live_plan(self._settings)
        feeder = GatewayReader(BusReader(limits), self._engine)
        worker = Worker(plan, self._bus, feeder, partitions=P, limits=limits, store=self._engine)
        task = asyncio.create_task(worker.run())
        self._session = await self._bus.connect()
        self._leases = {p: await self._session.acquire(PartitionId("strategy", p), "bench") for p in range(P)}
        try:
            yield
        finally:
            worker.stop()
            await task

    async def write(self, intent: OrderIntent) -> None:
        """Onto the bus, as the strategy does: with how far it has read, without which the gateway would soon wait."""
        p = partition_of(intent.sym, P)
        lease = self._leases[p]
        assert lease is not None
        read: dict[str, str | bytes] = {}
        if seen := self._reports[p]:
            read[f"in:{Stream.EXECUTIONS}"] = b"%b %d" % (seen[-1], len(seen))
        (done,) = await self._session.commit([Commit(lease, self._seqs[p], read, [Outgoing.of(intent)])])
        assert done is Outcome.OK, done
        self._seqs[p] += 1

    async def filled(self, intent: OrderIntent) -> None:
        """Until its report is on the bus; RuntimeError when it is none of a fill."""
        place = PartitionId("gateway", partition_of(intent.sym, P))
        async with self._bus.changed:
            while True:
                for entry in reversed(self._bus.streams.get((Stream.EXECUTIONS, place), [])):
                    report = decode(ExecutionReport.TAG, entry.d)
                    if isinstance(report, ExecutionReport) and report.client_order_id == intent.client_order_id:
                        if report.status is not OrderStatus.FILLED:
                            raise RuntimeError(f"{report.status} {report.reason}")
                        self._reports[place.p].append(entry.id)
                        return
                await self._bus.changed.wait()


def settings_of(folder: Path, url: str) -> Settings:
    """The defaults, with limits that let all of it through."""
    return load_settings(
        symbols=SYMBOLS, interval="12h", state_dir=folder, bus={"partitions": P},
        strategy={"balance": 10_000, "max_slippage_bps": "none"},  # market orders are measured, too
        gateway={
            "mode": "testnet", "venue": "fake", "fake_url": url, "exchange": "binance", "account": "bench",
            "markets": {sym: f"{sym.removesuffix('USDT')}/USDT:USDT" for sym in SYMBOLS},
            "risk": {"max_order_notional": CASH, "max_position_notional": CASH, "orders_per_minute": 1_000_000,
                     "daily_loss": CASH, "max_leverage": 3},
        },
    )  # fmt: skip
