"""Every kind of alert stands in the documentation: when it begins and is over, and what to do at 3 a.m."""

from pathlib import Path

import pytest

from services.monitor.alerts.conditions import AlertKind

DOCS = Path(__file__).parents[4] / "docs"


def first_cells(page: str) -> list[str]:
    lines = (DOCS / page).read_text().splitlines()
    return [line.split("|")[1].strip() for line in lines if line.startswith("|")]


@pytest.mark.parametrize("kind", AlertKind)
def test_each_kind_is_documented(kind: AlertKind) -> None:
    assert str(kind) in [name.strip() for cell in first_cells("alerts.md") for name in cell.split(",")]
    assert str(kind) in first_cells("operations.md")
