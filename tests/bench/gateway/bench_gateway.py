"""What an order costs from the bus to the venue's socket, beside a bare fsync on the same disk in the same run.

make bench WHAT=gateway                    1,000 orders one at a time, then 600 at 10 a second
make bench WHAT=gateway ARGS="--orders 3000 --rate 20"
make bench WHAT=gateway ARGS="--ioc 5000"  also IOCs beside market orders, so many of each: 5 minutes more
make bench-short WHAT=gateway              a quick look
"""

import argparse
import gc
import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import structlog
import uvloop

from shared.runner.process import GC_ALLOCATIONS
from tests.bench.gateway import ioc
from tests.bench.gateway.gateway import Gateway, settings_of
from tests.bench.gateway.measure import MS, WARM, Bare, arrivals, at_a_rate, one_at_a_time, spans, summary
from tests.bench.gateway.orders import SYMBOLS, Orders
from tests.bench.gateway.report import NOTES, PACKAGES, show
from tests.bench.heading import about
from tests.bench.processes import ROOT

OUTPUT = ROOT / "build" / "bench-gateway.json"
VENUE = [sys.executable, "-m", "tests.bench.gateway.simulator"]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gateway", description="the gateway's cost of an order")
    parser.add_argument("--short", action="store_true", help="100 orders each: a look, no verdict")
    parser.add_argument("--orders", type=int, default=1_000, help="one at a time")
    parser.add_argument("--rated", type=int, default=600, help="at the rate")
    parser.add_argument("--rate", type=float, default=10.0, help="orders a second, over all symbols")
    parser.add_argument("--ioc", type=int, default=0, help="so many IOCs and market orders in turn")
    parser.add_argument("--folder", help="on the disk that is meant; default: build")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    if given.short:
        given.orders, given.rated, given.ioc = 100, 100, 50
    return given


def main() -> None:
    """Measure, print the tables, write the file."""
    given = arguments()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    given.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-gateway-", dir=given.folder or given.output.parent) as folder:
        venue = subprocess.Popen(VENUE, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert venue.stdout is not None
        assert venue.stdin is not None
        try:
            url = venue.stdout.readline().strip()
            runs = uvloop.run(_measured(Path(folder), url, given))
        finally:
            venue.stdin.close()
            venue.wait()
    settings = {"symbols": len(SYMBOLS), "orders": given.orders, "at the rate": given.rated, "per second": given.rate}
    result: dict[str, Any] = {"about": about(PACKAGES, settings, NOTES), "runs": runs}
    compared = runs.pop("ioc", None)
    result["reached"] = show(result)
    if compared is not None:
        result["ioc"] = {"spans": compared, "Hyperliquid's signature": ioc.signatures(given.ioc)}
        result["reached"] = ioc.show(result["ioc"]) and result["reached"]
    given.output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{given.output}")


async def _measured(folder: Path, url: str, given: argparse.Namespace) -> dict[str, Any]:
    gateway, orders = Gateway(settings_of(folder, url)), Orders()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS)  # as a service does
    runs: dict[str, Any] = {}
    async with gateway.running():
        await one_at_a_time(gateway, orders, Bare(folder), WARM)
        gateway.risk.spent_s.clear()
        bare = Bare(folder)
        names = await one_at_a_time(gateway, orders, bare, given.orders)
        runs["one at a time"] = _run(gateway, names, bare, url)
        bare = Bare(folder)
        names = await at_a_rate(gateway, orders, bare, given.rated, given.rate)
        runs[f"{given.rate:g} a second"] = _run(gateway, names, bare, url)
        if given.ioc:
            runs["ioc"] = await ioc.measured(gateway, orders, given.ioc)
    return runs


def _run(gateway: Gateway, names: list[str], bare: Bare, url: str) -> dict[str, Any]:
    at = gateway.places.times()
    for name, at_s in arrivals(url).items():
        at[name]["arrived"] = at_s
    risk, gateway.risk.spent_s = gateway.risk.spent_s, []
    return {
        "order": {span: summary(values) for span, values in spans(names, at).items()},
        "risk": summary([spent_s * MS for spent_s in risk]),
        "fsync": summary([took_s * MS for took_s in bare.took_s]),
    }
