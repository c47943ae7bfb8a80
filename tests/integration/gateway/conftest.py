"""A gateway of our own process on a bus in memory, a journal on disk, and a simulator behind unmodified ccxt."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import pytest

from services.gateway.account.adoption import AdoptRequest, Booking, adoption, made_of, write_adopted
from services.gateway.account.resolution import ResolveAs
from services.gateway.execution.account_session import AccountSession
from services.gateway.execution.engine import ExecutionEngine
from services.gateway.live import live
from services.gateway.risk.check import RiskRules
from services.simulator.simulator import Simulator, serving
from services.strategy.order_writer import client_order_id
from shared.bus.api import Commit, Outcome
from shared.bus.entry import Entry, Outgoing
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId, partition_of
from shared.config import Settings, load_settings
from shared.control.books import Books, book_of
from shared.control.capital import CapitalChange, write_capital
from shared.exchanges.trading.venue import MarketRules
from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow, DropArming, DropLatch, EventRow, ExternalRow, FillRow, SetBusId
from shared.messages import ExecutionReport, Leg, OrderIntent, Stream, decode
from shared.runner.spec import Limits
from shared.runner.worker import Worker
from tests.until import until

P = 2
SYM = "BTCUSDT"
PRICE = Decimal("42000.00")
BY = "0123456789abcdef"  # who decides
LIMITS = Limits(round_s=0.05, stall_s=0.002, backoff_s=0.02, backoff_max_s=0.1)


class Gateway:
    """Orders are written to the bus as the strategy would; reports are read from it."""

    def __init__(self, settings: Settings, bus: MemoryBus, fake: Simulator) -> None:
        self.settings = settings
        self.bus = bus
        self.fake = fake
        self.task: asyncio.Task[None] | None = None
        self.worker: Worker | None = None
        self.engine: ExecutionEngine | None = None
        self._journal: Journal | None = None
        self._n = 0
        self._seq = 0

    def start(self) -> None:
        wiring = live(self.settings, LIMITS)
        self.engine = cast(ExecutionEngine, wiring.store)
        self.worker = Worker(
            wiring.spec, self.bus, wiring.feeder, partitions=P, limits=LIMITS, store=wiring.store
        )  # fmt: skip
        self.task = asyncio.create_task(self.worker.run())

    async def stop(self) -> None:
        assert self.worker is not None
        assert self.task is not None
        self.worker.stop()
        async with asyncio.timeout(10):
            await self.task

    async def kill(self) -> None:
        """As by kill -9, as far as one process can: nothing more is written or released."""
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def arm(self, hours: float = 1.0, notional: Decimal = Decimal(10_000)) -> None:
        now = time.time_ns() // 1_000_000
        rules = RiskRules.of(self.settings)
        async with self._opened() as journal:
            row = ArmingRow(notional, now, now + round(hours * 3_600_000), rules.config_hash, "test", BY)
            await journal.write_by_person([row])

    async def disarm(self) -> None:
        """As `tickline disarm` does: with a new epoch, so that the gateway must look."""
        async with self._opened() as journal:
            await journal.raise_epoch("test", [DropArming()])

    def new_bus(self) -> None:
        """An empty one, where the strategy begins anew too."""
        self.bus = MemoryBus(lease_s=1.0, maxlens={})
        self._seq = self._n = 0

    async def lose_journal(self) -> None:
        """Its files; the gateway is stopped."""
        await self.close()
        for file in self.settings.state_dir.glob("journal-*"):
            file.unlink()

    def limits(self) -> list[str]:
        """What the gateway's risk check remembers."""
        assert self.engine is not None
        session = self.engine._account
        return [] if session is None else list(session.context.risk.limits)

    async def adopt_difference(self) -> None:
        """As `tickline resolve … --as external` does."""
        async with self._opened() as journal:
            (row,) = await journal.externals(adopted=False)
            await journal.write_by_person([row._replace(adopted_by="test")])

    async def set_capital(self, to: str | None = None, add: str | None = None) -> Decimal:
        """As `tickline capital` does."""
        change = CapitalChange(None if to is None else Decimal(to), None if add is None else Decimal(add))
        async with self._opened() as journal:
            return await write_capital(self.settings, journal, SYM, change, "test", time.time_ns() // 1_000_000)

    async def book(self, qty: str, price: str, *, adopt: bool = True) -> None:
        """A person books what somebody else has traded."""
        async with self._opened() as journal:
            epoch, book = await journal.raise_epoch("test"), book_of(self.settings, SYM)
            found = ExternalRow("POSITION", SYM, SYM, "", 1, "")
            seq = await journal.last_seq(book) + 1
            row = adoption(found, Booking(Decimal(qty), Decimal(price), Decimal(0)), book, seq, ("test", 1))
            await journal.write([row, *([found._replace(adopted_by="test")] if adopt else [])], epoch)

    async def resolve(self, *names: str, ending: str = "bot", **said: str) -> list[str]:
        """As `tickline resolve NAMES --as ENDING` does; what it would show."""
        amounts = [Decimal(said[name]) if name in said else None for name in ("qty", "price", "fee")]
        word = AdoptRequest(ResolveAs(ending), *amounts, by="test", at_ms=time.time_ns() // 1_000_000)
        async with self._opened() as journal:
            made = await made_of(self.settings, journal, names, word)
            await write_adopted(self.settings, journal, made, names, word)
        return [one.shown for one in made]

    async def waiting(self, *names: str, within_s: float = 300.0) -> None:
        """Until just these differences wait for a person, by their names."""

        async def there() -> bool:
            rows = [row for row in await self.externals() if not row.adopted_by]
            return {f"{row.kind}/{row.sym}/{row.key}" for row in rows} == set(names)

        await until(there, within_s=within_s, every_s=0.1)

    async def agreed(self) -> None:
        """Until the gateway has found nothing, after now; and nothing in the comparison behind that."""
        await self.compared(3)
        await until(lambda: self.engine is not None and self.engine._account is not None and
                    self.engine._account.context.risk.reconciled, every_s=0.05)  # fmt: skip
        await self.compared(2)
        assert [row for row in await self.externals() if not row.adopted_by] == []

    def rules(self) -> MarketRules:
        """The market's."""
        assert self.engine is not None
        assert self.engine._venue is not None
        return self.engine._venue.rules(SYM)

    async def session(self) -> AccountSession:
        """The account's, once the gateway has it: a busy machine may let its lease run out for a moment."""
        await until(lambda: self.engine is not None and self.engine._account is not None)
        assert self.engine is not None
        assert self.engine._account is not None
        return self.engine._account

    def check_open_orders(self) -> None:
        """What the risk check is told of all symbols is what their managers have."""
        account = None if self.engine is None else self.engine.account
        if account is not None:
            own = {sym: manager.open_orders for sym, manager in account.managers.items() if manager.open_orders}
            assert account.context.open_orders == own

    async def books(self) -> Books:
        """The gateway's own."""
        return (await self.session()).context.books

    async def compared(self, times: int) -> None:
        """The venue is asked so many times more for what only a comparison asks for, once each."""
        counts = self.fake.server.count
        spot = ":" not in self.settings.gateway.markets[SYM]
        paths = {"binance": "/openOrders" if spot else "/positionRisk", "okx": "/account/positions"}
        paths["hyperliquid"] = "/clearinghouseState"
        path = paths.get(self.settings.gateway.exchange, "/position/list")
        wanted = counts(path) + times
        await until(lambda: counts(path) >= wanted, every_s=0.02)

    def latches(self) -> list[str]:
        """What the gateway knows of."""
        assert self.engine is not None
        session = self.engine._account
        return [] if session is None else list(session.context.risk.latches)

    async def adopt(self) -> None:
        """As `tickline adopt` does; returns when the gateway has seen it."""
        async with self._opened() as journal:
            await journal.write_by_person([SetBusId(self.bus.meta["bus_id"]), DropLatch("OTHER_BUS")])
        await until(lambda: not self.latches())

    async def externals(self) -> list[ExternalRow]:
        async with self._opened() as journal:
            return await journal.externals()

    async def events(self) -> list[EventRow]:
        async with self._opened() as journal:
            return await journal.events(1_000)

    async def fills(self) -> list[FillRow]:
        async with self._opened() as journal:
            return await journal.fills(since_ms=0)

    def forget(self) -> None:
        """The bus loses all that this gateway has ever committed."""
        place = PartitionId("gateway", partition_of(SYM, P))
        held = self.bus.partition(place)
        held.fields.clear()
        held.seq = 0
        del self.bus.streams[Stream.EXECUTIONS, place]

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Journal]:
        """The journal, as another process has it: opened once, since conditions ask it again and again."""
        if self._journal is None:
            own = self.settings
            self._journal = await Journal.open(own.journal_url, own.gateway.account, durable=False)
        yield self._journal

    async def close(self) -> None:
        """Gives the journal back."""
        if self._journal is not None:
            await self._journal.close()
        self._journal = None

    def intent(self, qty: str, leg: Leg = Leg.OPEN, after: OrderIntent | None = None, **changed: object) -> OrderIntent:
        """The next order of the book."""
        self._n += 1
        now = time.time_ns()
        tr = f"test:{SYM}:{now}:{self._n}"
        made = OrderIntent(
            n=self._n, sym=SYM, ts_event=now, tr=tr, tick_n=self._n, client_order_id=client_order_id("b", tr, leg),
            leg=leg, signed_qty=Decimal(qty), reduce_only=leg is Leg.CLOSE, price=PRICE,
            valid_until=now + 20_000_000_000, after=after.client_order_id if after else None, by=BY,
        )  # fmt: skip
        return made.model_copy(update=changed)

    async def write(self, *intents: OrderIntent) -> None:
        place = PartitionId("strategy", partition_of(SYM, P))
        session = await self.bus.connect()
        lease = await session.acquire(place, "strategy")
        assert lease is not None
        done = await session.commit([Commit(lease, self._seq, {}, [Outgoing.of(intent) for intent in intents])])
        assert done == [Outcome.OK]
        self._seq += 1

    def reports(self) -> list[ExecutionReport]:
        found = [decode(entry.t, entry.d) for entry in self._written()]
        assert [report.n for report in found] == list(range(1, len(found) + 1))
        return [report for report in found if isinstance(report, ExecutionReport)]

    def _written(self) -> Sequence[Entry]:
        return self.bus.streams.get((Stream.EXECUTIONS, PartitionId("gateway", partition_of(SYM, P))), [])

    async def reported(self, count: int, within_s: float = 500.0) -> list[ExecutionReport]:
        await until(lambda: len(self._written()) >= count and len(self.reports()) >= count, within_s=within_s)
        assert len(self.reports()) == count
        return self.reports()


@asynccontextmanager
async def gateway(
    tmp_path: Path,
    *,
    armed: bool = True,
    fake_venue: str = "binance",
    listings: Any = None,
    chances: Mapping[str, float] | None = MappingProxyType({}),
    strategy: Mapping[str, object] = MappingProxyType({}),
    kind: type[Gateway] = Gateway,
    **own: object,
) -> AsyncIterator[Gateway]:
    """chances: of what befalls orders; None: the usual. strategy, own: of the config's [strategy] and [gateway]."""
    async with serving(fake_venue, listings=listings, chances=chances) as fake:
        settings = load_settings(
            symbols=(SYM,), interval="12h", state_dir=tmp_path, bus={"partitions": P},
            signal={"model": "btcusdt_12h_linear"}, strategy={"max_slippage_bps": "none", **strategy},
            gateway={
                "mode": "testnet", "venue": "fake", "fake_url": fake.url, "exchange": "binance", "account": "main",
                "markets": {SYM: "BTC/USDT:USDT"},
                "request_validity_ms": 1_000, "grace_ms": 300, "reconcile_s": 0.2,
                "risk": {"max_order_notional": "10000", "max_position_notional": "10000", "orders_per_minute": 1000,
                         "daily_loss": "1000", "max_leverage": "3"},
                **own,
            },
        )  # fmt: skip
        made = kind(settings, MemoryBus(lease_s=1.0, maxlens={}), fake)
        if armed:
            await made.arm()
        made.start()
        try:
            yield made
            made.check_open_orders()
        finally:
            await made.kill()
            await made.close()


@pytest.fixture
async def trading(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path) as made:
        yield made
