"""The table: how often each kind of fault struck, what the oracle found, and how long the line took to be back."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.oracle.streams import Verdict

HEAD = ("fault", "times", "lost", "doubled", "reordered", "changed", "sent twice", "else", "back after p50", "most")


@dataclass
class Row:
    """One kind of fault. keeps: the bus still has all that it has acknowledged, so nothing may be there twice.

    - twice: orders that went out twice. other: what else must not be, a line each. back_s: of each time.
    """

    keeps: bool
    times: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    twice: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)

    def found(self, verdict: Verdict, other: Iterable[str], twice: Iterable[str]) -> None:
        """Adds what was found after one fault."""
        self.verdict = self.verdict.and_(verdict)
        self.other += other
        self.twice += twice

    @property
    def faults(self) -> list[str]:
        """What must not be. An entry that stands there twice to the letter is skipped by its number."""
        lost, doubled, reordered, changed, _ = self.verdict
        wrong = lost or reordered or changed or (doubled and self.keeps)
        return [*(self.verdict.faults if wrong else ()), *self.twice, *self.other]


class Table:
    """Rows by the name of the fault, in the order in which they came."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def row(self, name: str, *, keeps: bool) -> Row:
        """Returns the row of a kind of fault."""
        return self.rows.setdefault(name, Row(keeps))

    def news(self, twice: Iterable[str]) -> list[str]:
        """Returns those orders that went out twice of which no row knows yet."""
        known = {one for row in self.rows.values() for one in row.twice}
        return [one for one in twice if one not in known]

    @property
    def times(self) -> int:
        """How often anything struck."""
        return sum(row.times for row in self.rows.values())

    @property
    def faults(self) -> list[str]:
        """What must not be, a line each, with the fault that it came of."""
        return [f"{name}: {fault}" for name, row in self.rows.items() for fault in row.faults]

    def __str__(self) -> str:
        return "\n".join(_aligned([HEAD, *(_cells(name, row) for name, row in self.rows.items())]))


def _cells(name: str, row: Row) -> tuple[str, ...]:
    counts = (row.times, *row.verdict[:4], len(row.twice), len(row.other))
    back = (f"{median(row.back_s):.1f} s", f"{max(row.back_s):.1f} s") if row.back_s else ("-", "-")
    return (name, *map(str, counts), *back)


def _aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Returns lines whose columns begin one below the other; numbers stand to the right."""
    rows = list(rows)
    widths: dict[int, int] = defaultdict(int)
    for row in rows:
        for at, cell in enumerate(row):
            widths[at] = max(widths[at], len(cell))
    return [
        "  ".join(cell.rjust(widths[at]) if at else cell.ljust(widths[at]) for at, cell in enumerate(row))
        for row in rows
    ]
