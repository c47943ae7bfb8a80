"""Sweeps over pure noise: how often they say that there is an edge: `make bench WHAT=sweep ARGS=--noise`.

Each of them draws returns without any edge, ranks trials on the first part as `tickline sweep` does, and judges the
best one on the hold-out. `--engine` makes files of noise instead, and runs whole sweeps with training over these
(minutes). Prints the counts, and writes build/noise.json; exits 1 where an edge is shown more often than a test of 5 %
may. `--speed` times a sweep instead: see sweep_speed.py.
"""

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import binom

from services.research.statistics import Floats
from services.research.sweep import Axis, Pool, SweepSpec, Trading, Trial, sweep
from services.research.sweep.results import best_first, scored
from services.research.sweep.traded import Traded, block_edges
from services.research.verdict.held import held_by_signs
from services.research.verdict.verdict import judged
from shared.config import Settings, load_settings
from shared.intervals import interval_ns
from tests.bench import sweep_speed

REPORT = Path(__file__).resolve().parents[2] / "build" / "noise.json"
INTERVAL, HOUR_NS = "1h", interval_ns("1h")
HOLDOUT = 0.2
LOOKBACKS = (1, 2, 3, 5, 8, 13)
THRESHOLDS = (0.0, 0.5)  # of the standard deviation of what is looked at
SMALL = 0.05


class Found(NamedTuple):
    """What one sweep said: is an edge shown, the probability of overfitting, the lowest p-value of all rows."""

    shown: bool
    overfitting: float | None
    p_value: float | None


def noise(bars: int, rng: np.random.Generator) -> Floats:
    """Log returns with heavy tails and calm and wild times, but without a mean or a memory of their direction."""
    shocks = rng.standard_t(4, bars)
    wild = np.exp(np.convolve(rng.standard_normal(bars + 99), np.full(100, 0.05), "valid"))
    return 0.005 * wild * shocks


def predictions(returns: Floats) -> dict[str, Floats]:
    """Momentum and its opposite, by lookback and threshold; 0 where nothing is traded."""
    found: dict[str, Floats] = {}
    for lookback in LOOKBACKS:
        past = np.convolve(returns, np.ones(lookback))[: len(returns)]
        for threshold in THRESHOLDS:
            y_hat = np.where(np.abs(past) > threshold * past.std(), past, 0.0)
            found |= {f"+{lookback}, {threshold}": y_hat, f"-{lookback}, {threshold}": -y_hat}
    return found


def drawn(bars: int, seed: int) -> Found:
    """A sweep over returns that are drawn directly, free of costs, which would only hide an edge."""
    returns = noise(bars, np.random.default_rng(seed))
    ts, cut = np.arange(1, bars + 1) * HOUR_NS, round(bars * (1 - HOLDOUT))
    growth = np.expm1(returns)
    edges = block_edges([ts[:cut]], int(ts[0]), int(ts[cut]))
    ways = predictions(returns)
    tried: list[tuple[Trial, tuple[Traded, ...]]] = []
    for name, y_hat in ways.items():
        earned = np.concatenate([[0.0], np.sign(y_hat[: cut - 1]) * growth[1:cut]])
        fold = Traded.of(np.cumprod([100.0, *(1 + earned)]), ts[:cut], edges, fills=cut)
        tried.append((Trial(INTERVAL, None, Trading((("way", name),))), (fold,)))
    scores, overfitting = scored(tried, len(edges) - 1)
    best, _ = best_first(scores)[0]
    y_hat = ways[str(dict(best.chosen)["way"])][cut:-1]
    parts = held_by_signs(ts[cut:-1], ts[cut + 1 :], y_hat, returns[cut + 1 :], fee=0.0)
    known = [found.p_value for _, found in scores if found.p_value is not None]
    return Found(judged(parts["netted"]).shown, overfitting, min(known, default=None))


def engine(bars: int, seed: int, folder: Path) -> Found:
    """A whole sweep, with a model for each fold, over a file of noise."""
    path = folder / f"{seed}.csv"
    start, prices = datetime(2024, 1, 1, tzinfo=UTC), 100 * np.exp(np.cumsum(noise(bars, np.random.default_rng(seed))))
    rows = [f"{start + timedelta(hours=at):%Y-%m-%dT%H:%M:%S},{price:.6f}" for at, price in enumerate(prices)]
    path.write_text("\n".join(["datetime,price", *rows]) + "\n")
    settings: Settings = load_settings(
        interval=INTERVAL,
        symbols=("NOISE",),
        run_id="sweep",
        gateway={"fee": "0"},
        ingestor={"source": "replay", "files": {"NOISE": path}},
        strategy={"name": "threshold", "params": {"threshold": 0.0}},
    )
    spec = SweepSpec(grid=tuple(map(Axis.told, ("lags=1,3", "threshold=0,0.0005"))), folds=2, holdout=0.4)
    swept = sweep(settings, spec, Pool("sequential"))
    known = [row.p_value for row in swept.rows if row.p_value is not None]
    return Found(swept.holdout.results.verdict.edge_shown, swept.overfitting, min(known, default=None))


def counted(found: list[Found]) -> dict[str, float]:
    """The figures of many sweeps."""
    return {
        "sweeps": len(found),
        "edge shown": sum(each.shown for each in found),
        "a p-value of 0.05 or less": sum(each.p_value is not None and each.p_value <= SMALL for each in found),
        "at most": at_most(len(found)),
        "mean probability of overfitting": round(
            float(np.mean([each.overfitting for each in found if each.overfitting is not None])), 3
        ),
    }


def at_most(sweeps: int) -> int:
    """How often a test of 5 % says yes by luck, at its 97.5 % limit: 16 of 200."""
    return int(binom.ppf(0.975, sweeps, SMALL))


def main() -> None:
    """Count and report; exits 1 where there are too many."""
    parser = argparse.ArgumentParser(description=__doc__)
    either = parser.add_mutually_exclusive_group(required=True)
    either.add_argument("--noise", action="store_true")
    either.add_argument("--speed", action="store_true", help="a thousand combinations over a year of minutes")
    parser.add_argument("--engine", action="store_true", help="whole sweeps over files")
    parser.add_argument("--sweeps", type=int, default=200)
    parser.add_argument("--bars", type=int, default=0, help="20,000, or 600 with --engine")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true")
    given = parser.parse_args()
    if given.speed:
        sys.exit(0 if sweep_speed.run(given.short) or given.short else 1)
    sweeps = min(given.sweeps, 10) if given.short else given.sweeps
    seeds = range(given.seed, given.seed + sweeps)
    with tempfile.TemporaryDirectory(prefix="tickline-noise-") as folder:
        if given.engine:
            found = [engine(given.bars or 600, seed, Path(folder)) for seed in seeds]
        else:
            found = [drawn(given.bars or 20_000, seed) for seed in seeds]
    figures = counted(found)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(figures, indent=2) + "\n")
    for what, value in figures.items():
        print(f"{what:34}{value:>8g}")
    sys.exit(0 if max(figures["edge shown"], figures["a p-value of 0.05 or less"]) <= figures["at most"] else 1)


if __name__ == "__main__":
    main()
