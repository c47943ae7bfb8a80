"""Who opens a file is seen, however it is opened."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from services.research.lookahead.guard import Guard
from shared.errors import DataError


def in_a_child(path: Path) -> None:
    subprocess.run(["cat", str(path)], check=True, stdout=subprocess.DEVNULL)


def by_another_name(path: Path) -> None:
    link = path.with_name("link.csv")
    link.symlink_to(path)
    link.read_text()


@pytest.mark.parametrize("reads", [Path.read_text, pl.read_csv, in_a_child, by_another_name])
def test_every_way_to_read_it_is_seen(tmp_path: Path, reads: Callable[[Path], object]) -> None:
    path, other = tmp_path / "bars.csv", tmp_path / "other.csv"
    for file in (path, other):
        file.write_text("datetime,price\n2024-10-29,1\n")
    with Guard(path) as guard:
        assert path.stat().st_size
        assert other.read_text()
        assert not guard.opened()
        reads(path)
        assert guard.opened()
        assert not guard.opened()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: there is no such file"):
        Guard(tmp_path / "none.csv")


def test_the_command_imports_no_strategy_before_the_guard_watches() -> None:
    code = (
        "import sys, services.research.lookahead.guard; from services.console.main import app_for;"
        "app_for(['backtest']);"
        "sys.exit(any(name.startswith(('shared.strategies', 'shared.features', 'shared.models.model'))"
        " for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
