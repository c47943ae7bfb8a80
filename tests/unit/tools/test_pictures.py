"""README's pictures: what a terminal shows of all that was written to it, and how big they are."""

import doctest
import re
from pathlib import Path

from tools import pictures

README = Path(__file__).parents[3] / "README.md"
MOST_BYTES = 150_000


def test_what_stands_on_a_terminal() -> None:
    failed, tried = doctest.testmod(pictures)
    assert tried and not failed


def test_readme_shows_them_and_they_are_small() -> None:
    shown = re.findall(r"!\[[^]]{20,}\]\((docs/pictures/\w+\.png)\)", README.read_text())
    assert sorted(shown) == sorted(f"docs/pictures/{path.name}" for path in pictures.PICTURES.iterdir())
    assert len(shown) == 2
    for name in shown:
        data = (README.parent / name).read_bytes()
        assert data.startswith(b"\x89PNG")
        assert len(data) < MOST_BYTES
