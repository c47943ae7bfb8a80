"""The simulator as a process: `python -m services simulator --port 8900`."""

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from services.simulator.binance.websocket import MAKERS, BinanceWebsocket
from services.simulator.dialects import COINS, DIALECTS, markets
from services.simulator.simulator import TradePlan, serving
from services.simulator.websocket.frames import BLOCK
from shared.intervals import interval_ns
from shared.runner.process import stop_with_parent
from shared.simulated_market import PresentMarket

MS = 1000


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m services simulator", description=__doc__)
    parser.add_argument("--venue", choices=sorted(DIALECTS), default="binance", help="whose API it speaks")
    parser.add_argument("--port", type=int, default=8900, help="0: a free one; the URL is printed")
    parser.add_argument("--state", type=Path, help="a file that keeps its orders and money over a restart")
    parser.add_argument("--seed", type=int, default=1, help="of the price's walk and of what goes wrong")
    parser.add_argument("--fair", action="store_true", help="nothing goes wrong at random, not even the usual")
    parser.add_argument("--walk-ms", type=int, default=1000, help="the price's step; 0: it stands")
    parser.add_argument("--simulated", metavar="INTERVAL", help="no walk: the simulated market's price, e.g. 1s a tick")
    parser.add_argument("--cash", type=Decimal, default=Decimal(10_000), help="of the quote currency, at the start")
    parser.add_argument("--markets", type=int, help=f"so many, up to {len(COINS)}")
    parser.add_argument("--trades-per-s", type=float, help="in each market, with websockets")
    parser.add_argument("--trades", type=int, help="in each market, then none; without end if not given")
    parser.add_argument("--past-s", type=int, default=0, help="it was traded before the start")
    parser.add_argument("--past-rate", type=float, default=1.0, help="of that, trades per second")
    parser.add_argument("--start-ms", type=int, help="of its trades; now if not given")
    parser.add_argument("--waits-for", type=int, default=1, help="of --flood: until so many streams are subscribed to")
    parser.add_argument(
        "--prepared",
        nargs="?",
        const="trade",
        choices=sorted(MAKERS),
        metavar="STREAM",
        help="make the messages of all --trades before the start; of `trade` if no stream is named",
    )
    parser.add_argument("--flood", action="store_true", help="trades as fast as clients take them")
    options = parser.parse_args(argv)
    if options.markets is not None and not 1 <= options.markets <= len(COINS):
        parser.error(f"--markets is from 1 to {len(COINS)}")
    if options.prepared and not options.venue.startswith("binance"):
        parser.error("--prepared is for --venue binance and binance-spot only")
    if options.prepared and not (options.trades_per_s and options.trades):
        parser.error("--prepared needs --trades-per-s and --trades")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(options))
    return 0


async def _run(options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    stop_with_parent(stopped.set)
    simulated = PresentMarket(options.seed, interval_ns(options.simulated)) if options.simulated else None
    plan = None
    if options.trades_per_s:
        kept = TradePlan.kept if not options.prepared else options.trades // BLOCK + 2
        plan = TradePlan(
            rate=options.trades_per_s,
            count=options.trades,
            start_ms=options.start_ms,
            past_ms=options.past_s * MS,
            past_rate=options.past_rate,
            flood=options.flood,
            waits_for=options.waits_for,
            kept=kept,
        )
    async with serving(
        options.venue,
        port=options.port,
        state_file=options.state,
        seed=options.seed,
        walk_ms=options.walk_ms,
        cash=options.cash,
        simulated=simulated,
        listings=markets(options.venue, options.markets) if options.markets else None,
        plan=plan,
        chances={} if options.fair else None,
    ) as simulator:
        if options.prepared:
            streams = simulator.websockets.dialect
            assert isinstance(streams, BinanceWebsocket)
            streams.prepare(options.prepared, options.trades)
        print(f"fake {options.venue} at {simulator.url}", flush=True)  # noqa: T201
        await stopped.wait()
