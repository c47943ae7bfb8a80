"""A line that the alerts watch: an account's journal on disk, leases on a bus in memory, and a clock that is set."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from pydantic import SecretStr

from services.monitor.alerts.channels import Channel, Channels, open_notify
from services.monitor.alerts.heartbeat import Heartbeat
from services.monitor.alerts.watch import STATE, AlertWatch
from shared.bus.api import BusLost, Commit, Lease
from shared.bus.memory_bus import MemoryBus, MemorySession
from shared.bus.names import PartitionId
from shared.config import load_settings
from shared.control.books import execution_row
from shared.journal.journal import Journal
from shared.journal.rows import Change
from shared.messages import ExecutionReport, Leg, OrderStatus
from shared.runner.last_words import exchange_heard, feed_heard
from tests.alert_sink import Sink, sinking
from tests.until import until

SYM, ACCOUNT = "BTCUSDT", "main"
SERVICES = ("ingestor", "signal", "strategy", "gateway")
SECRET_KEY = "k"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class LostBus(MemoryBus):
    """A bus that can be away."""

    away = False

    async def connect(self) -> MemorySession:
        if self.away:
            raise BusLost("bus: connection refused")
        return await super().connect()

    def leave(self) -> None:
        self.away = True
        self.restart()


class WatchedLine:
    """A line, and the watch that looks at it. now_s: the clock by which it tells how long something does not move."""

    def __init__(self, folder: Path, sinks: list[Sink]) -> None:
        self.now_s = 1_000.0
        self.settings = load_settings(
            symbols=(SYM,), interval="1m", state_dir=folder, bus={"partitions": 1},
            ingestor={"source": "ccxt", "exchange": "okx", "markets": {SYM: "BTC/USDT:USDT"}},
            gateway={"mode": "testnet", "venue": "ccxt", "exchange": "okx", "account": ACCOUNT,
                     "markets": {SYM: "BTC/USDT:USDT"}},
            alerts={"bundle_s": 0, "pause_s": 1e-9, "longest_pause_s": 1e-9, "daily_at": ""},
        )  # fmt: skip
        self.bus = LostBus(lease_s=1e9, maxlens={}, clock=lambda: self.now_s)
        self.sinks = sinks
        self._leases: dict[str, Lease] = {}
        self.watch = self.new_watch()

    def new_watch(self) -> AlertWatch:
        """A watch in another process."""
        channels = [
            Channel(name, open_notify(number, SecretStr(sink.url), 20)[1], first_s=0.01)
            for number, sink in enumerate(self.sinks, 1)
            for name in [f"{number} (JSON)"]
        ]
        heartbeat = Heartbeat(SecretStr(self.sinks[0].heartbeat), 60, lambda: self.now_s)
        return AlertWatch(self.settings, self.bus, Channels(channels), heartbeat, lambda: self.now_s)

    async def journal(self, *changes: Change, begin: bool = False) -> None:
        """Writes into the journal, as the gateway does; begin: which takes the account over."""
        async with await Journal.open(self.settings.journal_url, ACCOUNT, durable=False) as journal:
            epoch = await journal.raise_epoch("gateway") if begin else (await journal.epoch()).epoch
            await journal.write(changes, epoch)

    async def work(self, *services: str, owner: str = "first", heard_ms: int | None = None) -> None:
        """Lets services renew their leases; the gateway and the ingestor heard their exchanges."""
        session = await self.bus.connect()
        for service in services:
            place = PartitionId(service, 0)
            if (lease := self._leases.get(f"{service} {owner}")) is None:
                for old in [name for name in self._leases if name.startswith(f"{service} ")]:
                    await session.release([self._leases.pop(old)])
                found = await session.acquire(place, owner)
                assert found is not None
                self._leases[f"{service} {owner}"] = lease = found
            await session.renew([lease])
            at_ms = now_ms() if heard_ms is None else heard_ms
            fields = dict([feed_heard("okx", at_ms)] if service == "ingestor" else [])
            fields |= dict([exchange_heard(at_ms)] if service == "gateway" else [])
            (stored,) = await session.load([place])
            await session.commit([Commit(lease, stored.seq, {**fields}, [])])
        await session.close()


def bought(line: WatchedLine, n: int, qty: str) -> Change:
    """The execution that a book holds."""
    report = ExecutionReport(
        n=n, sym=SYM, ts_event=n, tr="t", tick_n=n, order_n=n, client_order_id=f"{n:032x}", leg=Leg.OPEN,
        status=OrderStatus.FILLED, last_qty=Decimal(qty), last_px=Decimal(100), commission=Decimal(0), reason=None,
    )  # fmt: skip
    return execution_row(f"strategy:{SYM}", report, now_ms())


@contextmanager
def watched_line(folder: Path, sinks: int = 1) -> Iterator[WatchedLine]:
    with sinking() as first, sinking() as second:
        yield WatchedLine(folder, [first, second][:sinks])


async def sent(line: WatchedLine, count: int) -> list[str]:
    """The lines of all messages at the first sink, when so many are there."""
    await until(lambda: len(line.sinks[0].messages) >= count, within_s=20)
    return [text for _, body in line.sinks[0].messages for text in body.splitlines()]


async def quiet(line: WatchedLine) -> None:
    """A line that is at work, and was looked at."""
    await line.journal(bought(line, 1, "0.5"), begin=True)
    await line.work(*SERVICES, "monitor")
    await line.watch.look()


async def killed(line: WatchedLine) -> None:
    """Its process dies as it is, and another begins."""
    file = line.settings.state_dir / STATE
    await until(lambda: not line.watch._channels.waiting, within_s=20)
    await line.watch.look()
    left = file.read_bytes()
    await line.watch.close()
    file.write_bytes(left)
    line.watch = line.new_watch()
    line.watch._restore()
