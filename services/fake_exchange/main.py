"""The fake exchange as a process: `python -m services.fake_exchange --port 8900`."""

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from services.fake_exchange.serve import VENUES, serving
from shared.intervals import interval_ns
from shared.runner.parent import stop_with_parent
from shared.simulated.present import PresentMarket


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m services.fake_exchange", description=__doc__)
    parser.add_argument("--venue", choices=sorted(VENUES), default="binance", help="whose API it speaks")
    parser.add_argument("--port", type=int, default=8900, help="0: a free one; the URL is printed")
    parser.add_argument("--state", type=Path, help="a file that keeps its book over a restart")
    parser.add_argument("--seed", type=int, default=1, help="of the price's walk and of what goes wrong")
    parser.add_argument("--walk-ms", type=int, default=1000, help="the price's step; 0: it stands")
    parser.add_argument("--simulated", metavar="INTERVAL", help="no walk: the simulated market's price, e.g. 1s a tick")
    parser.add_argument("--cash", type=Decimal, default=Decimal(10_000), help="USDT at the start")
    options = parser.parse_args(argv)
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
    async with serving(
        options.venue,
        port=options.port,
        state=options.state,
        seed=options.seed,
        walk_ms=options.walk_ms,
        cash=options.cash,
        simulated=simulated,
    ) as fake:
        print(f"fake {options.venue} at {fake.url}", flush=True)  # noqa: T201
        await stopped.wait()
