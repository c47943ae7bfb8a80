"""docs/departures.md names tests that exist."""

import re
from pathlib import Path


def test_every_test_that_the_page_names_exists() -> None:
    named = re.findall(r"`(tests/unit/[\w/]+\.py)::(\w+)`", Path("docs/departures.md").read_text())
    assert len(named) >= 11
    for file, test in named:
        assert f"def {test}(" in Path(file).read_text(), f"{file}::{test}"


def test_the_page_names_every_test_of_a_departure() -> None:
    page = Path("docs/departures.md").read_text()
    tests = [
        name
        for file in Path("tests/unit").rglob("test_*.py")
        for name in re.findall(r"def (test_(?:cells?_\w+_)?departure_\w+)\(", file.read_text())
    ]
    assert [name for name in tests if name not in page] == []
