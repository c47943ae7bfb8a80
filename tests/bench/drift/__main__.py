"""Prints the monitor's operating curve: `make bench WHAT=drift`; with --write it goes into docs/drift.md."""

import argparse
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shared.drift.days import BARS
from shared.models.choose import card_at
from tests.bench.drift.author import lines
from tests.bench.drift.runs import Market, bars_to_show, d_at, measure_of, times

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs" / "drift.md"
BEGIN, END = "<!-- made by make bench WHAT=drift -->\n", "<!-- end -->\n"
SHIPPED = ROOT / "weights" / "btcusdt_12h_linear.json"
HALF_DAYS, MINUTES = 730, 525_600  # bars a year
LONGEST = 40  # years that a run of 12 h bars may take to alarm
FLAT = 0.8


class Case(NamedTuple):
    """A case is a strategy in a market.

    - d: the mean of a held bar's net return, in standard deviations. held: held bars a year.
    - longest: years after which a run is given up. intact: years of a run whose edge stays.
    """

    name: str
    d: float
    held: float
    runs: int
    market: Market = Market()
    longest: int = LONGEST
    intact: int = 10


class Row(NamedTuple):
    """A row has what came of a case: years, shares of the runs, and multiples of A with their standard error."""

    case: Case
    gone: tuple[float, float]  # median years to M = a year, and to ten, after the edge went to zero
    flipped: tuple[float, float]
    false: tuple[float, float | None]
    at_floor: tuple[tuple[float, float], ...]
    warned: float  # share of runs at the floor with a warning in the first year


def cases(runs: int, minute_runs: int) -> Iterator[Case]:
    """Yields all cases."""
    (reference, *_) = card_at(SHIPPED).references
    yield Case("the shipped card's own figures, as if they were an edge", reference.mean, reference.held_a_year, runs)
    for sharpe in (1, 2, 3, 5):
        yield Case(f"net Sharpe {sharpe}", sharpe / sqrt(HALF_DAYS), HALF_DAYS, runs)
    held = (1 - FLAT) * HALF_DAYS
    yield Case("net Sharpe 3, flat 80 % of the time", 3 / sqrt(held), held, runs)
    regimes = Market(regimes=True)
    yield Case(
        "net Sharpe 3, volatility 1 or 3, changing every 200 bars", 3 / sqrt(HALF_DAYS), HALF_DAYS, runs, regimes
    )
    yield Case("net Sharpe 5, 1 min bars", 5 / sqrt(MINUTES), MINUTES, minute_runs, longest=4, intact=1)


def row(case: Case, seed: int) -> Row:
    """Runs a case."""
    year, ten = round(case.held), round(10 * case.held)
    measure = measure_of(case.d, case.market)

    def run(d: float, levels: list[int], years: float) -> Any:
        return times(d, measure, case.market, levels, round(years * case.held), case.runs, seed)

    intact = run(case.d, [year, ten], case.intact)
    gone, flipped = (run(d, [year, ten], case.longest) for d in (0.0, -case.d))
    least = d_at(measure.least_mean, measure, case.market)
    at_year = run(least, [year], 1_000)[:, 0]
    floors = [at_year] if case.held > HALF_DAYS * 2 else [at_year, run(least, [ten], 10_000)[:, 0]]
    return Row(
        case,
        _years(gone, case),
        _years(flipped, case),
        (float(np.mean(intact[:, 0] <= year)), float(np.mean(intact[:, 1] <= ten)) if case.intact >= 10 else None),
        tuple(_mean(found / level) for found, level in zip(floors, (year, ten), strict=False)),
        float(np.mean(at_year <= year)),
    )


def _years(found: Any, case: Case) -> tuple[float, float]:
    middle = np.median(found, axis=0) / case.held
    return float(middle[0]), float(middle[1])


def _mean(multiples: Any) -> tuple[float, float]:
    return float(multiples.mean()), float(multiples.std(ddof=1) / sqrt(len(multiples)))


HEAD_SHOWN = "| mean of X | held bars until an edge is shown, median | `shared/drift/days.py` has |\n|---|---|---|\n"
HEAD_AUTHOR = "\nOn the author's 12 h bars, with the shipped model:\n\n"
HEAD = (
    "| a model whose card says | edge to zero: latch, warning (years, median) | sign flips: latch, warning | "
    "edge intact: warned within 1 y, latched within 10 y | at the floor: mean time to warning, to latch, in A | "
    "at the floor, warned in the first year | runs |\n|---|---|---|---|---|---|---|\n"
)


def text(found: Row) -> str:
    """Returns a row as the docs have it."""
    floors = ", ".join(f"{mean:.2f} ± {error:.2f}" for mean, error in found.at_floor)
    cells = (
        found.case.name,
        _pair(found.gone, found.case.longest),
        _pair(found.flipped, found.case.longest),
        ", ".join("not run" if share is None else f"{share:.1%}".replace("%", " %") for share in found.false),
        floors,
        f"{found.warned:.0%}".replace("%", " %"),
        f"{found.case.runs:,}",
    )
    return f"| {' | '.join(cells)} |\n"


def _pair(years: tuple[float, float], longest: float) -> str:
    warn, latch = (f"{each:.2f}" if np.isfinite(each) else f"> {longest:g}" for each in years)
    return f"{latch}, {warn}"


def main() -> None:
    """Prints the table, or writes it."""
    parser = argparse.ArgumentParser(prog="make bench WHAT=drift")
    parser.add_argument("--data", type=Path, help="BTCUSDT_12h_ohlc.csv: what is said of it")
    parser.add_argument("--write", action="store_true", help="put it into docs/drift.md")
    parser.add_argument("--only", default="", help="cases whose name has this, and no more")
    parser.add_argument("--short", action="store_true", help="few runs, and no minutes")
    given = parser.parse_args()
    chosen = list(cases(50, 0) if given.short else cases(2_000, 200))
    made = HEAD
    print(made, end="")
    for case in chosen:
        if case.runs and given.only in case.name:
            line = text(row(case, 1))
            print(line, end="", flush=True)
            made += line
    if given.only:
        return
    made += "\n" + HEAD_SHOWN
    for mean in BARS:
        made += f"| {mean:g} | {bars_to_show(mean, 50 if given.short else 1_000, 1):,.0f} | {BARS[mean]:,} |\n"
    if given.data:
        made += HEAD_AUTHOR + "".join(lines(given.data, SHIPPED))
    print(made)
    if given.write:
        before, _, rest = DOCS.read_text().partition(BEGIN)
        DOCS.write_text(before + BEGIN + made + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
