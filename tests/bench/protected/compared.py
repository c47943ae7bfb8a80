"""The same positions twice, on the simulator and in the backtest: how far they differ, and how far they may."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from shared.messages import ExecutionReport, Leg

BPS = 10_000
ZERO = Decimal(0)


class Trip(NamedTuple):
    """A trip is one position from its entry to its end. tick: of the bar whose end it was entered at, ns.

    side: +1 long. stopped: it was closed by its stops, and by no order of the strategy.
    """

    sym: str
    tick: int
    side: int
    entry: Decimal
    exit: Decimal
    stopped: bool

    @property
    def bps(self) -> float:
        """Returns what it made before fees, basis points of its entry."""
        return float(self.side * (self.exit - self.entry) / self.entry) * BPS


def trips_of(reports: Iterable[ExecutionReport], ticks: Mapping[str, int]) -> list[Trip]:
    """Returns the trips of one symbol that are over, out of its reports in their order.

    ticks: the end of the bar by the trace of what was decided on it, ns.
    """
    made, held, paid, opened = list[Trip](), ZERO, ZERO, None
    got = ZERO
    for report in reports:
        if not report.last_qty or report.last_px is None:
            continue
        if not held:
            opened, paid, got = report, ZERO, ZERO
        entered, left = held * report.last_qty >= 0, report.last_qty * report.last_px
        held += report.last_qty
        paid, got = (paid + left, got) if entered else (paid, got - left)
        if not held and opened is not None:
            side, qty = (1 if paid > 0 else -1), abs(opened.last_qty)
            made.append(
                Trip(report.sym, ticks[opened.tr], side, abs(paid) / qty, abs(got) / qty, report.leg is Leg.STOP)
            )
    return made


class Bound(NamedTuple):
    """The most that a figure may be, and what it is of."""

    most: float
    words: str


# Written before the first run; tests/unit/test_proofs.py holds docs/research/backtest.md to them.
BOUNDS = {
    "lost": Bound(0.05, "positions of one run that the other has not, share"),
    "otherwise": Bound(0.05, "of those in both, closed by a stop in one only, share"),
    "entry, mean": Bound(2.0, "price of the entry, worse on the simulator by, bps, mean"),
    "entry, p99": Bound(15.0, "the same, either way, p99"),
    "stop, mean": Bound(3.0, "price at which a stop closes, worse on the simulator by, bps, mean"),
    "stop, p99": Bound(20.0, "the same, either way, p99"),
    "profit, mean": Bound(4.0, "profit of a position without fees, less on the simulator by, bps, mean"),
}


class Compared(NamedTuple):
    """The figures by their names in BOUNDS; both: positions in both runs; stops: closed by a stop in both."""

    both: int
    stops: int
    figures: dict[str, float]

    @property
    def broken(self) -> list[str]:
        """Returns the figures that are beyond their bounds."""
        return [name for name, bound in BOUNDS.items() if not abs(self.figures[name]) <= bound.most]


def in_both(live: Iterable[Trip], tested: Iterable[Trip]) -> tuple[list[Trip], list[Trip]]:
    """Returns the trips of the turns in which both ran whole: between the first of the live ones and their last.

    >>> trips = [Trip("B", tick, 1, Decimal(100), Decimal(99), True) for tick in (30, 60, 90, 120)]
    >>> [[trip.tick for trip in some] for some in in_both(trips[:3], trips)]
    [[60], [60]]
    """
    ours = list(live)
    ticks = [trip.tick for trip in ours] or [0]
    first, last = min(ticks), max(ticks)
    inner = [[trip for trip in trips if first < trip.tick < last] for trips in (ours, tested)]
    return inner[0], inner[1]


def compared(live: Sequence[Trip], tested: Sequence[Trip]) -> Compared:
    """Compares trips by symbol and the bar of their entry.

    >>> one = Trip("B", 30, 1, Decimal(100), Decimal(99), True)
    >>> found = compared([one._replace(exit=Decimal("98.99"))], [one])
    >>> found.figures["stop, mean"].__round__(2), found.figures["profit, mean"].__round__(2), found.broken
    (1.01, 1.0, [])
    >>> compared([], [one]).broken
    ['lost', 'entry, mean', 'entry, p99', 'stop, mean', 'stop, p99', 'profit, mean']
    """
    ours, theirs = ({(trip.sym, trip.tick): trip for trip in trips} for trips in (live, tested))
    assert (len(ours), len(theirs)) == (len(live), len(tested)), "two positions were opened in one bar"
    pairs = [(ours[key], theirs[key]) for key in ours.keys() & theirs.keys()]
    every = len(ours.keys() | theirs.keys())
    stops = [(a, b) for a, b in pairs if a.stopped and b.stopped]
    entries = [_worse(a.side, a.entry, b.entry) for a, b in pairs]
    ends = [_worse(-a.side, a.exit, b.exit) for a, b in stops]
    figures = {
        "lost": (every - len(pairs)) / every if every else 1.0,
        "otherwise": sum(a.stopped != b.stopped for a, b in pairs) / len(pairs) if pairs else 0.0,
        "entry, mean": _mean(entries), "entry, p99": _p99(entries), "stop, mean": _mean(ends), "stop, p99": _p99(ends),
        "profit, mean": _mean([b.bps - a.bps for a, b in pairs]),
    }  # fmt: skip
    return Compared(len(pairs), len(stops), figures)


def _worse(side: int, price: Decimal, than: Decimal) -> float:
    """Returns by how many basis points a price is worse for whoever buys (+1) or sells."""
    return float(side * (price - than) / than) * BPS


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")  # which is within no bound


def _p99(values: Sequence[float]) -> float:
    return float(np.percentile(np.abs(values), 99)) if values else float("nan")
