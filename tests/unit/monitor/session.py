"""What signal and strategy write for two symbols: always long, and at a loss or a gain as the test wants it."""

from collections.abc import Iterator
from decimal import Decimal
from math import exp, sin

from services.monitor.stage import MonitorStage
from shared.bus.api import Commit
from shared.bus.entry import Outgoing
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId, partition_of
from shared.config import Settings
from shared.drift.reference import DriftReference
from shared.drift.stage import DriftRules, DriftStage
from shared.drift.twin import Costs
from shared.messages import Decision, Message, Prediction, Stream

SYMBOLS = ("BTCUSDT", "ETHUSDT")
BAR_NS = 43_200 * 10**9
BEGIN_NS = 1_700_006_400 * 10**9
LATCH_BARS = 500

REFERENCE = DriftReference(
    strategy="basic_taker", decides="0" * 64, symbols=SYMBOLS, interval="12h", fee=0.0003, slippage_bps=0.0, legs=False,
    start="2023-01-01T00:00:00Z", end="2023-06-30T00:00:00Z", bars=361, held=360, mean_net=0.005, sd_net=0.01, mean=0.5,
    sd=1.0, lower=0.4,
)  # fmt: skip


def stage(latch_bars: int = LATCH_BARS) -> MonitorStage:
    """A stage whose card promises half a standard deviation a bar."""
    rules = DriftRules(warn_bars=50, latch_bars=latch_bars)
    return MonitorStage(DriftStage(SYMBOLS, Costs(legs=False), REFERENCE, rules))


def bars(first: int, last: int, gain: float) -> Iterator[Message]:
    """Yields predictions and decisions of bars `first` to `last`, whose mean log return is `gain`."""
    for i in range(first, last + 1):
        ts_event = BEGIN_NS + i * BAR_NS
        for k, sym in enumerate(SYMBOLS):
            price = Decimal(f"{1000 * exp(gain * i + 0.004 * sin(i * (k + 1))):.6f}")
            tr = f"replay:{sym}:{ts_event}:{i}"
            yield Prediction(n=i, sym=sym, ts_event=ts_event, tr=tr, tick_n=i, price=price, y_hat=0.01, model="m" * 16)
            yield Decision(
                n=i, sym=sym, ts_event=ts_event, tr=tr, tick_n=i, prediction_n=i, booked_n=0, y_hat=0.01,
                balance=Decimal(100), signed_qty=Decimal(0), orders=("0" * 32,), reason=None, target=Decimal(1),
            )  # fmt: skip


class Line:
    """Signal and strategy on a bus in memory."""

    def __init__(self, settings: Settings) -> None:
        self.bus = MemoryBus(lease_s=0.5, maxlens={})
        self._settings = settings

    async def write(self, messages: Iterator[Message]) -> None:
        """Writes each message into its symbol's partition."""
        own, session = self._settings, await self.bus.connect()
        made_by = {Stream.PREDICTIONS: own.signal.instance, Stream.DECISIONS: own.strategy.instance}
        for message in messages:
            place = PartitionId(made_by[message.to], partition_of(message.sym, own.bus.partitions))
            lease = await session.acquire(place, "writer")
            assert lease is not None
            (stored,) = await session.load([place])
            await session.commit([Commit(lease, stored.seq, {}, [Outgoing.of(message)])])
        await session.close()

    def readings(self) -> list[tuple[str, int, str, str]]:
        """What the monitor has written: symbol, n, line and trace."""
        found = self.bus.streams.get((Stream.MONITOR, PartitionId(self._settings.monitor.instance, 0)), [])
        return [(entry.k, entry.n, entry.h.decode(), entry.tr) for entry in found]
