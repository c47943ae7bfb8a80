"""Signal, strategy and gateway at work on one bus: a tick to signal's commit, a prediction to `decide`, a live order.

The gateway's venue is ccxt at the simulator, its journal SQLite. Ticks and predictions are written here: a model's own
would let the strategy turn its position when it pleases, and signal's go to an instance that nobody trades.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import cast

from services.gateway.main import build as build_gateway
from services.gateway.risk.check import RiskRules
from services.signal.main import build as build_signal
from services.simulator.simulator import serving
from services.strategy.main import build as build_strategy
from shared.bus.api import Commit, Lease, Outcome
from shared.bus.entry import Outgoing
from shared.bus.names import PartitionId
from shared.bus.redis_bus import RedisSession
from shared.bus.scripts import COMMIT
from shared.config import Settings, load_settings
from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow
from shared.messages import Decision, ExecutionReport, MarketTick, Message, OrderStatus, Prediction, Stream
from shared.messages.codec import decode
from shared.messages.market import trace_id
from shared.runner.service import make_bus
from shared.strategies.identity import strategy_hash
from shared.user_code.hash import decided_by
from tests.servers import VALKEY, Server
from tests.traced.trace import Way, called, commits, read, started, traced
from tests.until import until

SYM, P = "BTCUSDT", 1
SHADOW = "signal-shadow"
PRICE, CASH = Decimal("42000.00"), 10_000_000
WINDOW = 16  # ticks until the features are warm
WARM, SAMPLES = 8, 6  # even: both ways to turn
DAY_MS = 86_400_000
TRUST_S = 60.0  # a lease, an answer, a quote: nothing is to run out on a busy machine


def line_ways() -> list[Way]:
    """What is traced."""
    predictions = read(Stream.PREDICTIONS)
    return [
        Way("an order, XREAD to create_order", "gateway", read(Stream.ORDERS), called("create_order", "/ccxt/")),
        Way("a tick, XREAD to signal's commit", "signal", read(Stream.TICKS), commits(COMMIT.sha, "Prediction")),
        Way("a prediction, XREAD to strategy's commit", "strategy", predictions, commits(COMMIT.sha, "Decision")),
        Way("a prediction, XREAD to decide", "strategy", predictions, called("decide", "/shared/strategies/")),
    ]


async def line(folder: Path) -> list[Way]:
    """Sends some of each through, and returns what was entered once all was warm."""
    ways = line_ways()
    with traced(ways):
        async with _running(folder) as writer:
            for _ in range(WINDOW):
                await writer.tick()
            for _ in range(WARM):
                await writer.pass_through()
            for way in ways:
                way.samples.clear()
            for _ in range(SAMPLES):
                await writer.pass_through()
    return ways


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator["_Writer"]:
    server = Server(VALKEY, folder).start()
    try:
        async with serving("binance", cash=Decimal(CASH), chances={}) as fake:
            settings = _settings(folder, server.url, fake.url, "signal")
            await _arm(settings)
            running = [
                started("gateway", build_gateway, settings),
                started("strategy", build_strategy, settings),
                started("signal", build_signal, _settings(folder, server.url, fake.url, SHADOW)),
            ]
            session = await make_bus(settings).connect()
            try:
                yield _Writer(session)
            finally:
                await session.close()
                for worker, task in running:
                    worker.stop()
                    await task
    finally:
        server.stop()


def _settings(folder: Path, bus: str, fake: str, signal: str) -> Settings:
    return load_settings(
        symbols=(SYM,), interval="12h", state_dir=folder,
        bus={"url": bus, "partitions": P, "lease_s": TRUST_S, "timeout_s": TRUST_S},
        signal={"model": "btcusdt_12h_linear", "instance": signal},
        strategy={"balance": 10_000, "params": {"netting": "true"}},  # one order that reduces and adds
        gateway={
            "mode": "testnet", "venue": "fake", "fake_url": fake, "exchange": "binance", "account": "traced",
            "markets": {SYM: "BTC/USDT:USDT"}, "reconcile_s": TRUST_S,
            "risk": {"max_order_notional": CASH, "max_position_notional": CASH, "orders_per_minute": 1_000_000,
                     "daily_loss": CASH, "max_leverage": 3, "quote_max_age_s": TRUST_S},
        },
    )  # fmt: skip


async def _arm(settings: Settings) -> None:
    now_ms = time.time_ns() // 1_000_000
    rules, by = RiskRules.of(settings), decided_by(strategy_hash(settings, [""]), "traced")
    async with await Journal.open(settings.journal_url, settings.gateway.account, durable=True) as journal:
        row = ArmingRow(Decimal(CASH), now_ms, now_ms + DAY_MS, rules.config_hash, "traced", by)
        await journal.write_by_person([row])


class _Writer:
    """Writes ticks and predictions, and waits for what follows from them."""

    def __init__(self, session: RedisSession) -> None:
        self._session = session
        self._leases: dict[str, Lease] = {}
        self._n: Counter[str] = Counter()
        self._orders = 0

    async def tick(self) -> None:
        """Writes the next tick."""
        n, now_ns = self._n["ingestor"] + 1, time.time_ns()
        tr = trace_id("traced", SYM, now_ns, n)
        await self._write("ingestor", MarketTick(n=n, sym=SYM, ts_event=now_ns, tr=tr, venue="traced", price=PRICE))

    async def pass_through(self) -> None:
        """A tick until its prediction is there; then a prediction that turns the position, until that is turned."""
        await self.tick()
        ticks = self._n["ingestor"]
        await self._newest(Stream.PREDICTIONS, SHADOW, lambda said: cast(Prediction, said).tick_n == ticks)
        n, now_ns = self._n["signal"] + 1, time.time_ns()
        tr, y_hat = trace_id("traced", SYM, now_ns, n), 0.01 if n % 2 else -0.01
        said = Prediction(n=n, sym=SYM, ts_event=now_ns, tr=tr, tick_n=n, price=PRICE, y_hat=y_hat, model="traced")
        await self._write("signal", said)
        decision = cast(Decision, await self._newest(Stream.DECISIONS, "strategy", lambda made: made.tr == tr))
        assert decision.orders, decision
        self._orders += len(decision.orders)
        report = await self._newest(Stream.EXECUTIONS, "gateway", lambda report: report.n == self._orders)
        assert cast(ExecutionReport, report).status is OrderStatus.FILLED, report

    async def _write(self, instance: str, message: Message) -> None:
        if instance not in self._leases:
            lease = await self._session.acquire(PartitionId(instance, 0), "traced")
            assert lease is not None
            self._leases[instance] = lease
        commit = Commit(self._leases[instance], self._n[instance], {}, [Outgoing.of(message)])
        assert await self._session.commit([commit]) == [Outcome.OK]
        self._n[instance] += 1

    async def _newest(self, stream: Stream, instance: str, awaited: Callable[[Message], bool]) -> Message:
        """Returns the newest message of the stream, once it is the one that is awaited."""
        found: list[Message] = []

        async def came() -> bool:
            entries = await self._session.newest((str(stream), PartitionId(instance, 0)), b"+", 1)
            found[:] = [decode(entry.t, entry.d) for entry in entries]
            return bool(found) and awaited(found[0])

        await until(came)
        return found[0]
