"""A protected strategy live on the simulator and in a backtest of the same trades: how far the two differ.

make bench WHAT=protected                           20 minutes of eight markets: some hundred stops
make bench WHAT=protected ARGS="--minutes 60"
make bench-short WHAT=protected                     two minutes: a look, no verdict
"""

import argparse
import asyncio
import json
import tempfile
from pathlib import Path

from tests.bench.heading import about, show_about
from tests.bench.processes import ROOT
from tests.bench.protected.compared import BOUNDS, Compared, compared, in_both
from tests.bench.protected.session import live, tested

OUTPUT = ROOT / "build" / "bench-protected.json"
NOTES = (
    "Live: ingestor, signal, strategy and gateway as processes of their own, on the simulator's trades and prices; no "
    "trouble but that the orders of stops come up to 0.3 s late. It looks at its prices every 5 ms.",
    "Backtest: bars of 1 s of the same trades. It fills at the decision price and at a stop's trigger, a tick worse.",
    "Compared are the turns between the first position that was opened live and the last.",
    "The bounds stood in docs/research/backtest.md before the first run.",
)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.protected", description="live beside backtest")
    parser.add_argument("--short", action="store_true", help="two minutes of four markets")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--markets", type=int, default=8)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    if given.short:
        given.minutes, given.markets = 2.0, 4
    return given


def main() -> None:
    """Measure, print the table, write the file."""
    given = arguments()
    with tempfile.TemporaryDirectory(prefix="tlc-") as name:
        folder = Path(name)
        ours, bars = asyncio.run(live(folder, given.minutes * 60, given.markets))
        found = compared(*in_both(ours, tested(folder, bars)))
    told = about(("ccxt", "aiohttp"), {"minutes": given.minutes, "markets": given.markets}, NOTES)
    show_about(told)
    show(found)
    result = {"about": told, "both": found.both, "stops": found.stops, "figures": found.figures}
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(result | {"reached": not found.broken}, indent=1) + "\n")
    print(f"\n{given.output}")


def show(found: Compared) -> None:
    """Prints the figures beside their bounds."""
    print(f"\n{found.both} positions in both, {found.stops} of them closed by a stop in both")
    for name, bound in BOUNDS.items():
        verdict = "MISSED" if name in found.broken else "reached"
        print(f"{bound.words:72}{found.figures[name]:9.3f}  (at most {bound.most:g}) {verdict}")
