"""Results as text."""

import re

import numpy as np
import pytest

from services.research.metrics import Metrics, Results, table
from services.research.metrics.sums import MonthReturn
from services.research.metrics.table import month_rows
from tests.unit.research.metrics.booked import totals, trip
from tests.unit.research.metrics.test_metrics import marked


@pytest.fixture(scope="module")
def won() -> Results:
    metrics = marked(Metrics("12h", 100.0), np.array([100.0, 110.0, 99.0]))
    metrics.on_trip(trip(1, "10", "1", log=0.1))
    return metrics.result(totals(99))


@pytest.fixture(scope="module")
def ruined() -> Results:
    return marked(Metrics("12h", 1_000_000.0), np.array([100.0, -1.0])).result(totals(-1, start=1_000_000))


def row(lines: list[str], label: str) -> list[str]:
    """The cells of the first row with that label."""
    line = next(line for line in lines if line.strip().startswith(label))
    return re.split(r"\s{2,}", line.strip())[1:]


def test_one_result_as_a_person_reads_it(won: Results) -> None:
    lines = won.lines()
    assert row(lines, "return") == ["-1.00 %"]
    assert row(lines, "bars") == ["3 of 12h"]
    assert row(lines, "first bar") == ["2025-01-01 00:00:00"]
    assert row(lines, "recovery") == ["not yet"]
    assert row(lines, "best  ") == ["9.00 (9.00 %)"]
    assert row(lines, "average loss") == ["-"]
    assert "Still open" not in lines
    assert any("Annualised with 365 days, from the interval" in line for line in lines)
    assert [line.split() for line in lines if line.startswith("  2025")] == [["2025", "-1.0", *["-"] * 11, "-1.0"]]
    assert not any(line != line.rstrip() for line in lines)


def test_several_side_by_side(won: Results, ruined: Results) -> None:
    lines = table({"legs": won, "netted": ruined})
    assert lines[0].split() == ["legs", "netted"]
    assert row(lines, "start equity") == ["100.00", "1,000,000.00"]
    assert row(lines, "Calmar")[1] == "-" != row(lines, "Calmar")[0]
    assert len({len(line) for line in lines[: lines.index("")] if "  " in line.strip()}) == 1
    assert lines[lines.index("Return by month, %: legs") + 2].split()[:2] == ["2025", "-1.0"]
    assert lines[lines.index("Return by month, %: netted") + 2].split()[:2] == ["2025", "-100.0"]
    notes = lines[-3:]
    assert notes[0].startswith("Annualised")
    assert notes[1].startswith("Verdict: no edge shown: 2 held bars")
    assert notes[2].startswith("netted: Ruin: equity was 0 or less")


def test_a_year_is_compounded_and_a_year_with_a_ruined_month_is_not() -> None:
    months = [MonthReturn(year=2024, month=12, total=0.1), MonthReturn(year=2025, month=1, total=0.5)]
    months += [MonthReturn(year=2025, month=3, total=-0.5), MonthReturn(year=2026, month=1, total=None)]
    shown = [line.split() for line in month_rows("", months)[2:]]
    assert shown[0] == ["2024", *["-"] * 11, "10.0", "10.0"]
    assert shown[1] == ["2025", "50.0", "-", "-50.0", *["-"] * 9, "-25.0"]
    assert shown[2] == ["2026", *["-"] * 13]


def test_a_year_made_of_minutes_keeps_the_columns() -> None:
    found = marked(Metrics("12h", 100.0), np.array([200.0, 400.0, 800.0])).result(totals(800))
    assert row(found.lines(), "CAGR") == ["5.65e+221 %"]
