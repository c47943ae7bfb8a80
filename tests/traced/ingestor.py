"""An ingestor that hears the simulator through ccxt.pro: from an exchange's message to the commit of a tick."""

from pathlib import Path

from services.ingestor.main import build
from services.simulator.simulator import TradePlan, serving
from shared.bus.scripts import COMMIT
from shared.config import load_settings
from tests.servers import VALKEY, Server
from tests.traced.trace import Way, called, commits, started, traced
from tests.until import until

SYM, P = "BTCUSDT", 1
WARM, SAMPLES = 3, 3  # bars of a second
MESSAGE, COMMITTED = called("handle_message", "/ccxt/"), commits(COMMIT.sha, "MarketTick")


async def ingestor(folder: Path) -> list[Way]:
    """Lets some bars come, and returns what was entered once all was warm."""
    way = Way("a trade, ccxt.pro to ingestor's commit", "ingestor", MESSAGE, COMMITTED)
    server = Server(VALKEY, folder).start()
    try:
        with traced([way]):
            async with serving("binance", plan=TradePlan(rate=100)) as fake:
                settings = load_settings(
                    symbols=(SYM,), interval="1s", state_dir=folder,
                    bus={"url": server.url, "partitions": P, "lease_s": 60, "timeout_s": 60},
                    ingestor={"source": "ccxt", "exchange": "binance", "markets": {SYM: "BTC/USDT:USDT"},
                              "base_url": fake.url},
                )  # fmt: skip
                worker, task = started("ingestor", build, settings)
                await until(lambda: len(way.samples) >= WARM)
                way.samples.clear()
                await until(lambda: len(way.samples) >= SAMPLES)
                worker.stop()
                await task
    finally:
        server.stop()
    return [way]
