"""A user's folder."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from shared.user_code.finder import FINDER

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def _as_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FINDER, "reads_once", False)  # a command of another test may have set it


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes files, by name without `.py` and with / as __, into a folder; returns the folder."""

    def write(folder: str = "mine", /, **files: str) -> Path:
        root = tmp_path / folder
        for name, text in files.items():
            path = root / f"{name.replace('__', '/').replace('/init/', '__init__')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        return root

    return write
