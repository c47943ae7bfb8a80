"""A live session on the simulator and a backtest of the same trades, both with the same protected strategy."""

import asyncio
import json
import signal
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.research.backtest.engine import Backtest
from services.simulator.binance.dialect import swap
from services.simulator.engine.trade_history import MarketBar
from services.simulator.simulator import FEE, Simulator, TradePlan, serving
from shared.bus.names import PartitionId
from shared.config import Settings, load_settings
from shared.messages import ExecutionReport, MarketTick, Message, Stream
from shared.messages.codec import decode
from shared.strategies.identity import decided_by_config
from tests.bench.protected.compared import Trip, trips_of
from tests.bench.protected.timetable import EVERY_S, HELD_S
from tests.chaos.account import arm, as_variables, given
from tests.chaos.line import Line
from tests.chaos.server import Server
from tests.chaos.simulated import NAMESPACE
from tests.chaos.watch import PARTITIONS, WRITERS, Watch
from tests.until import until

SEED, RATE, PAST_S, BAR_MS = 7, 5.0, 60, 1_000
PRICE = Decimal(1_200)  # a tick of 0.1 is nearly a basis point: a bar moves by some of them
STOP_BPS, PROFIT_BPS, LIMIT_BPS = 12, 25, 20
SLIPPAGE_BPS = "0.83"  # of the backtest: a tick, which is what the simulator's best prices are away from its last one
LEFT_S = HELD_S + 2.5  # of each turn: all positions are closed
QUIET_S = 3  # after the last bar, until nothing is on its way
LOOK_S = 0.005  # so often the exchange looks whether its prices have reached a stop; by itself only as it is asked


def listings(markets: int) -> tuple[Any, ...]:
    """Returns so many markets."""
    return tuple(swap(f"P{number:02d}", PRICE) for number in range(markets))


def settings_of(folder: Path, url: str, syms: Sequence[str]) -> dict[str, Any]:
    """Returns the whole line's settings."""
    listed = {sym: f"{sym.removesuffix('USDT')}/USDT:USDT" for sym in syms}
    gateway = given(folder, url)["gateway"]
    return {
        "symbols": list(syms), "interval": "1s", "state_dir": str(folder / "state"),
        "bus": {"trim_age_s": 86_400},  # all that was written is read in the end
        "ingestor": {
            "source": "ccxt", "exchange": "binance", "markets": listed, "base_url": url, "warm_bars": 5,
            "silence_s": 2.0, "grace_s": 0.3, "age_limit_s": 3.0,
        },
        "signal": {"model": "simulated_linear"},
        "strategy": {
            "name": "tests.bench.protected.timetable:Timetable", "balance": "10000", "order_valid_s": 2.0,
            "prediction_stale_s": 2.0, "max_slippage_bps": str(LIMIT_BPS),
            "protect": {"stop_bps": str(STOP_BPS), "take_profit_bps": str(PROFIT_BPS)},
        },
        "gateway": gateway | {
            "markets": listed, "request_validity_ms": 1_000, "fee": str(FEE), "slippage_bps": SLIPPAGE_BPS,
        },
    }  # fmt: skip


class Bus:
    """The bus of the session, and what was written there."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def read(self, stream: Stream) -> Iterator[Message]:
        """Yields all of a stream."""
        for p in range(PARTITIONS):
            key = self._watch.names.stream(stream, PartitionId(WRITERS[stream], p))
            for _, fields in self._watch.client.xrange(key):
                yield decode(fields[b"t"].decode(), fields[b"d"])

    def trips(self) -> list[Trip]:
        """Returns the positions that are over."""
        return trips(self.read(Stream.TICKS), self.read(Stream.EXECUTIONS))


def trips(ticks: Iterable[Message], executions: Iterable[Message]) -> list[Trip]:
    """Returns the positions of all symbols, out of what was written about them; what is neither is passed over."""
    ends = {tick.tr: tick.ts_event for tick in ticks if isinstance(tick, MarketTick)}
    reports: dict[str, list[ExecutionReport]] = defaultdict(list)
    for report in executions:
        if isinstance(report, ExecutionReport):
            reports[report.sym].append(report)
    return [trip for own in reports.values() for trip in trips_of(sorted(own, key=lambda one: one.n), ends)]


async def live(folder: Path, seconds: float, markets: int) -> tuple[list[Trip], dict[str, list[MarketBar]]]:
    """Runs the line for so long; returns its positions, and the bars of what was traded meanwhile, by symbol."""
    plan = TradePlan(rate=RATE, past_ms=PAST_S * 1_000, start_ms=time.time_ns() // 1_000_000)
    listed = listings(markets)
    async with serving("binance", seed=SEED, cash=Decimal(10**7), listings=listed, plan=plan, chances={}) as fake:
        fake.state.stop_faults.chances = {"late": 0.3}
        values = settings_of(folder, fake.url, [listing.id for listing in listed])
        settings = load_settings(**values)
        await arm(settings, decided_by_config(settings))
        looking = asyncio.create_task(_look(fake))
        with _bus(folder) as (server, watch), Line(folder, server.url, as_variables(values)) as line:
            line.start()
            began_s = time.monotonic()

            def over() -> bool:
                line.tend()
                return time.monotonic() - began_s >= seconds and LEFT_S <= time.time() % EVERY_S < EVERY_S - 1

            await until(over, within_s=seconds + 2 * EVERY_S, every_s=0.2)
            line.send("ingestor", signal.SIGTERM)
            await asyncio.to_thread(line.forget, "ingestor")
            await asyncio.sleep(QUIET_S)
            found = Bus(watch).trips()
            await asyncio.to_thread(line.stop)
            assert not line.unexpected, line.unexpected
        looking.cancel()
        return found, {listing.id: _bars(fake, listing.id) for listing in listed}


async def _look(fake: Simulator) -> None:
    """Lets the exchange see all its prices, for ever."""
    while True:
        fake.engine.advance(fake.state.now_ms())
        await asyncio.sleep(LOOK_S)


def _bars(fake: Simulator, id_: str) -> list[MarketBar]:
    history, now_ms = fake.histories[id_], fake.state.now_ms()
    return history.bars(BAR_MS, history.start_ms - PAST_S * 1_000, now_ms - BAR_MS, now_ms)


@contextmanager
def _bus(folder: Path) -> Iterator[tuple[Server, Watch]]:
    server = Server(folder)
    server.start()
    try:
        with server.client() as client:
            yield server, Watch(client, NAMESPACE)
    finally:
        server.stop()


def tested(folder: Path, bars: Mapping[str, Sequence[MarketBar]]) -> list[Trip]:
    """Trades the same bars in a backtest; returns its positions."""
    found: list[Trip] = []
    for sym, own in bars.items():
        messages = list[Message]()
        Backtest(_backtest_settings(folder, sym, own)).run(tap=messages.append)
        found += trips(messages, messages)
    return found


def _backtest_settings(folder: Path, sym: str, bars: Sequence[MarketBar]) -> Settings:
    path = folder / f"{sym}.csv"
    rows = ["datetime,open,high,low,close,volume"]
    for bar in bars:
        at = datetime.fromtimestamp(bar.at_ms / 1_000, UTC).isoformat()
        rows.append(f"{at},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume}")
    path.write_text("\n".join(rows) + "\n")
    values = json.loads(json.dumps(settings_of(folder, "http://127.0.0.1:1", [sym])))
    values["ingestor"] = {"source": "replay", "files": {sym: str(path)}}
    values["run_id"] = "bench"
    values["gateway"] = {name: values["gateway"][name] for name in ("fee", "slippage_bps")}
    return load_settings(**values)
