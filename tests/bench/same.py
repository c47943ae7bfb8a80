"""Both engines over many random markets: do they decide the same? `make bench WHAT=same` (a quarter of an hour).

The markets are those in which float64 and Decimal may part: prices on a coarse tick that repeat, ties, fee 0, zero
volume, prices exactly at a liquidation price or a stop, thresholds equal to a y_hat and one last bit beside it,
constant sizing into ruin. A draw that the fast engine hands back says why; of the others each bar is compared, until
there are as many of both as wanted. Prints the counts, and writes build/same.json; exits 1 at the first difference.
"""

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from services.research.fast import EnginesDiffer, OnlyExact
from tests.unit.research.fast.made import compared, settings_of, whole_bars

REPORT = Path(__file__).resolve().parents[2] / "build" / "same.json"
THRESHOLD = 0.001953125  # exact in float32, as predictions are
NEAR = (THRESHOLD, math.nextafter(THRESHOLD, 0), math.nextafter(THRESHOLD, 1))
Y_HATS = (0.0, -0.0, math.nan, math.inf, 0.25, -0.25, 0.5, -0.5, *NEAR, *(-near for near in NEAR))
SHORT_DRAWS, SHORT_BARS = 24, 500


class Draw(NamedTuple):
    """A market and how it is traded. rows: of each bar its prices in their order, in ticks; tick: quote units."""

    tick: Decimal
    rows: Any
    y_hats: list[float]
    costs: tuple[str, str]
    strategy: dict[str, Any]
    rules: dict[str, Any]


def drawn(seed: int, bars: int) -> Draw:
    """The draw of a seed: each has another market and another way to trade it."""
    rng = np.random.default_rng(seed)

    def one(*of: Any) -> Any:
        return of[rng.integers(len(of))]

    tick = Decimal(one("0.5", "0.5", "0.01", "0.001"))
    rows = _rows(rng, bars, float(tick), spread=one(0.0005, 0.002, 0.01))
    netting, step = one(*[(False, None)] * 3, (False, "0.01"), (True, "0.1"), (True, "0.001"))
    sizing = one(*[{"sizing": "compounding"}] * 2, {"sizing": "constant"}, {"sizing": "fraction", "fraction": "0.3"})
    guarded = one(False, False, True)
    flip, pause = {"take_profit_bps": 250, "after_stop": "flip"}, {"trail_bps": 333, "after_stop": 3}
    stops = one({}, {"stop_bps": 300}, flip, pause)
    strategy = {
        "name": "threshold",
        "params": {"threshold": THRESHOLD, "leverage": one("1", "0.7", "3", "10"), "netting": netting, **sizing},
        "qty_step": step,
        "max_slippage_bps": one("none", "none", "50"),
        "protect": stops if guarded else {},
    }
    rules = {"fill": one("decision", "next_open"), "maintenance_margin": one(None, "0", "0.05")} if guarded else {}
    costs = one(("0", "0"), ("0", "0"), ("0.0000001", "0"), ("0.00001", "0.01"), ("0.001", "5"))
    return Draw(tick, rows, rng.choice(Y_HATS, bars).tolist(), costs, strategy, rules)


def _rows(rng: np.random.Generator, bars: int, tick: float, spread: float) -> Any:
    """Prices near 100 that come back to it, so that they repeat; a bar opens where the last closed, or beside it."""
    path = np.zeros(bars + 1)
    for at, shock in enumerate((spread * rng.standard_t(4, bars)).tolist()):
        path[at + 1] = 0.99 * path[at] + shock
    closes = np.maximum(np.rint(100 * np.exp(path) / tick), 4).astype(np.int64)
    opens = np.maximum(closes[:-1] + rng.integers(-1, 2, bars) * (rng.random(bars) < 0.1), 4)
    wicks = np.rint(rng.exponential(spread * 50 / tick, (2, bars))).astype(np.int64)
    tops, bottoms = np.maximum(opens, closes[1:]) + wicks[0], np.minimum(opens, closes[1:]) - wicks[1]
    return np.stack([opens, tops, np.maximum(bottoms, 1), closes[1:]], axis=1)


def traded(draw: Draw) -> str:
    """Trades a draw with both engines; returns why the fast one handed it back, or nothing."""
    rows = [[draw.tick * ticks for ticks in row] for row in draw.rows.tolist()]
    try:
        compared(settings_of(*draw.costs, **draw.strategy), whole_bars(rows), draw.y_hats, **draw.rules)
    except OnlyExact as error:
        return error.kind
    return ""


def counted(draws: int, bars_of_each: int, all_bars: int, seed: int) -> dict[str, Any]:
    """Draws until there are enough of both; raises EnginesDiffer, with the draw's seed."""
    why: Counter[str] = Counter()
    for number in _numbers(seed):
        try:
            why[traded(drawn(number, bars_of_each))] += 1
        except EnginesDiffer as error:
            raise EnginesDiffer(f"draw {number} of {bars_of_each:,} bars: {error}") from error
        if why.total() >= draws and why[""] * bars_of_each >= all_bars:
            break
        if not why.total() % 10:
            print(f"  {why.total()} draws, {why['']} compared", flush=True)
    handed_back = {kind: count for kind, count in why.most_common() if kind}
    return {
        "draws": why.total(),
        "bars of each": bars_of_each,
        "compared": why[""],
        "bars compared": why[""] * bars_of_each,
        "handed back": handed_back,
    }


def _numbers(seed: int) -> Iterator[int]:
    while True:
        yield seed
        seed += 1


def main() -> None:
    """Count and report; exits 1 where the engines differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=200, help="at least")
    parser.add_argument("--bars", type=int, default=100_000, help="of a draw")
    parser.add_argument("--all-bars", type=int, default=20_000_000, help="that are compared, at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true")
    given = parser.parse_args()
    if given.short:
        given.draws, given.bars, given.all_bars = SHORT_DRAWS, SHORT_BARS, 0
    try:
        found = counted(given.draws, given.bars, given.all_bars, given.seed)
    except EnginesDiffer as error:
        sys.exit(str(error))
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(found, indent=2) + "\n")
    for name, value in found.items():
        print(f"{name:16}{value if isinstance(value, dict) else format(value, ',')}")


if __name__ == "__main__":
    main()
