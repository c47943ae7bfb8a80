"""The newest word of each exchange counts, whichever partition has it."""

from shared.bus.api import Commit
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId
from shared.config import Settings
from shared.config.ingestor import IngestorSettings, LiveSettings
from shared.config.settings import BusSettings
from shared.runner.last_words import LastWords, exchange_heard, feed_heard, last_words

VENUES = {
    name: LiveSettings(exchange=name, markets={sym: f"{sym}/USDT"}) for name, sym in (("okx", "A"), ("bybit", "B"))
}
SETTINGS = Settings(
    symbols=("A", "B"), bus=BusSettings(partitions=2), ingestor=IngestorSettings(source="ccxt", venues=VENUES)
)


async def test_the_newest_word_of_each_exchange_counts() -> None:
    bus = MemoryBus(lease_s=30, maxlens={})
    session = await bus.connect()
    assert await last_words(session, SETTINGS) == LastWords({}, None)
    told = {
        PartitionId("ingestor", 0): [feed_heard("okx", 7_900)],
        PartitionId("ingestor", 1): [feed_heard("okx", 9_100), feed_heard("bybit", 3_000)],
        PartitionId("gateway", 0): [exchange_heard(5_999)],
    }
    for partition, fields in told.items():
        lease = await session.acquire(partition, "me")
        assert lease is not None
        await session.commit([Commit(lease, 0, dict(fields), [])])
    assert await last_words(session, SETTINGS) == LastWords({"okx": 9_000, "bybit": 3_000}, 5_000)
    assert await last_words(session, Settings(bus=SETTINGS.bus)) == LastWords({}, 5_000)
