"""What one trade costs in the pure part of live ingestion, beside what ccxt needs to make a trade of its JSON.

python -m tests.bench.live_path [TRADES]
"""

import json
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from time import process_time
from typing import Any

from services.ingestor.live.stage import LiveStage
from services.ingestor.plan import trade_pipeline
from shared.exchanges.market_data.events import Clock, Connected, Event, Trade
from shared.exchanges.market_data.options import ContinuityRules
from shared.intervals import NS_PER_S
from shared.messages.codec import pack

START = 1_730_203_200 * NS_PER_S
EVERY_NS = 1_000_000
ROUNDS = 3


def events(trades: int) -> list[Event]:
    """A trade every millisecond, a Clock every tenth of a second."""
    made: list[Event] = [Clock(START), Connected()]
    for i in range(trades):
        at = START + i * EVERY_NS
        if i % 100 == 0:
            made.append(Clock(at))
        made.append(Trade(i + 1, at, Decimal(100 + i % 7), Decimal(1)))
    return made


def seconds(do: Callable[[Any], object], values: Sequence[Any]) -> float:
    """Processor seconds of one call for each value."""
    start = process_time()
    for value in values:
        do(value)
    return process_time() - start


def main() -> None:
    """Print the best of some rounds."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    for interval, consecutive in (("1s", True), ("12h", True), ("1s", False), ("trade", True)):
        fed = events(count)
        best, size = float("inf"), 0
        for _ in range(ROUNDS):
            route = trade_pipeline(interval, "last", ContinuityRules(consecutive), NS_PER_S // 4, 0)
            stage = LiveStage("bench", "A", route, 60 * NS_PER_S)
            best = min(best, seconds(stage.on_tick, fed))
            size = len(pack(stage.state()))
        order = "by id" if consecutive else "by time"
        print(f"{interval:>6} {order:8} {best / count * 1e6:6.2f} us/trade, snapshot {size} bytes")
    bare = seconds(ccxt_trade(), [MESSAGE] * (count // 10)) / (count // 10)
    print(f"  ccxt {'parses':8} {bare * 1e6:6.2f} us/trade (json.loads and parse_ws_trade alone)")


MESSAGE = json.dumps(
    {
        "e": "trade", "E": 1730203200123, "s": "BTCUSDT", "t": 3920193455, "p": "71440.10000000", "q": "0.00140000",
        "T": 1730203200122, "m": True, "M": True,
    }
)  # fmt: skip


def ccxt_trade() -> Callable[[str], object]:
    """JSON text to a ccxt trade."""
    import ccxt.pro

    venue = ccxt.pro.binance()
    market: dict[str, str | bool | None] = {"id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT"}
    market |= {"type": "spot", "spot": True, "option": False, "contract": False, "linear": None, "inverse": None}
    venue.set_markets([market])
    return lambda text: venue.parse_ws_trade(json.loads(text), market)


if __name__ == "__main__":
    main()
