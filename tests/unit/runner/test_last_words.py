"""Of a feed the partition counts that was heard longest ago; of the orders' exchange the newest word."""

from shared.bus.api import Commit
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId
from shared.config import Settings
from shared.config.ingestor import IngestorSettings, LiveSettings
from shared.config.settings import BusSettings
from shared.runner.last_words import LastWords, exchange_heard, feed_heard, last_words

VENUES = {
    name: LiveSettings(exchange=name, markets={sym: f"{sym}/USDT" for sym in symbols})
    for name, symbols in (("okx", "AD"), ("bybit", "B"))  # A and B are in partition 1, D in 0
}
SETTINGS = Settings(
    symbols=("A", "B", "D"), bus=BusSettings(partitions=2), ingestor=IngestorSettings(source="ccxt", venues=VENUES)
)


async def test_no_partition_that_hears_hides_one_that_does_not() -> None:
    bus = MemoryBus(lease_s=30, maxlens={})
    session = await bus.connect()
    assert await last_words(session, SETTINGS) == LastWords({}, None)
    told = {
        PartitionId("ingestor", 0): [
            feed_heard("okx", 7_900),
            feed_heard("bybit", 1_000),
        ],  # which had a symbol there once
        PartitionId("ingestor", 1): [feed_heard("okx", 9_100), feed_heard("bybit", 3_000)],
        PartitionId("gateway", 0): [exchange_heard(5_999)],
        PartitionId("gateway", 1): [exchange_heard(4_000)],
    }
    for partition, fields in told.items():
        lease = await session.acquire(partition, "me")
        assert lease is not None
        await session.commit([Commit(lease, 0, dict(fields), [])])
    assert await last_words(session, SETTINGS) == LastWords({"okx": 7_000, "bybit": 3_000}, 5_000)
    assert await last_words(session, Settings(bus=SETTINGS.bus)) == LastWords({}, 5_000)
