"""The Python code in the documentation runs as it stands."""

import re
import shutil
from pathlib import Path

import pytest

from services.console.main import VERBS

ROOT = Path(__file__).parents[2]
PAGES = {
    str(page.relative_to(ROOT)): blocks
    for page in sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
    if (blocks := re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE))
}


@pytest.mark.parametrize("page", PAGES)
def test_it_runs_and_imports_only_tickline_of_ours(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "weights", tmp_path / "weights")
    rows = [f"2025-01-{day:02d}T{hour:02d}:00,{100 + (day * 7 + hour) % 5}" for day in range(1, 11) for hour in (0, 12)]
    (tmp_path / "bars.csv").write_text("\n".join(["datetime,price", *rows]) + "\n")
    monkeypatch.chdir(tmp_path)
    session: dict[str, object] = {"__name__": "page"}
    for block in PAGES[page]:
        assert not re.search(r"^\s*(from|import) (shared|services)\b", block, flags=re.MULTILINE)
        if not re.match(r"# \S+\.py\n", block):  # a file of the page: its own test runs them
            exec(compile(block, page, "exec"), session)


def test_pages_have_code() -> None:
    assert "docs/research/backtest.md" in PAGES


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name
)
def test_every_verb_that_a_page_names_is_one(page: Path) -> None:
    assert set(re.findall(r"`tickline ([a-z][a-z-]*)", page.read_text())) <= set(VERBS)
