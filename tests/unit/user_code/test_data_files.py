"""Data files that code of the folder opens are declared and hashed; no other file of the folder is opened."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from shared.errors import ConfigError, UserCodeFailed
from shared.user_code import code_hash, load
from shared.user_code.bundle import Bundle
from shared.user_code.finder import FINDER
from tests.unit.user_code.conftest import Write

ROOT = Path(__file__).parents[3]
MINE = """
from pathlib import Path
from tickline import Decider
import helper
HERE = Path(__file__).parent
class Mine(Decider):
    data_files = ("levels.csv",)
    def decide(self, prediction, account):
        return HERE.joinpath("levels.csv").read_text()
    def other(self):
        return HERE.joinpath("other.csv").read_text()
    def by_helper(self):
        return helper.read(HERE / "other.csv")
    def log(self):
        with open(HERE / "log.txt", "w") as file:
            file.write("seen")
"""
HELPER = "def read(path):\n    with open(path) as file:\n        return file.read()\n"


@pytest.fixture
def folder(write: Write) -> Path:
    folder = write(mine=MINE, helper=HELPER)
    (folder / "levels.csv").write_text("1")
    (folder / "other.csv").write_text("2")
    return folder


def test_a_declared_file_is_read_and_counts(folder: Path) -> None:
    loaded = load("mine.py:Mine", folder)
    assert loaded.object().decide(None, None) == "1"
    assert loaded.files == ("helper.py", "levels.csv", "mine.py")
    (folder / "other.csv").write_text("3")
    assert code_hash("mine.py:Mine", folder) == loaded.hash
    (folder / "levels.csv").write_text("2")
    assert code_hash("mine.py:Mine", folder) != loaded.hash
    with pytest.raises(UserCodeFailed, match=r"levels\.csv has changed since your code was loaded: start again"):
        loaded.object().decide(None, None)
    assert load("mine.py:Mine", folder).object().decide(None, None) == "2"


def test_tickline_itself_may_lie_in_the_folder(tmp_path: Path) -> None:
    """As in a fresh clone, where the strategy is written beside it: what `tickline` loads late is no data."""
    for name in ("tickline", "shared", "services"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "mine.py").write_text("from tickline import MovingAverageCross as Mine\n")
    code = """import sys; sys.path.insert(0, "."); from pathlib import Path
from shared.user_code import load
print(load("mine.py:Mine", Path()).object(fast=1, slow=2).slow)"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


def test_the_folder_may_be_the_home_of_the_users_own_packages(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    def late(self):\n        import ideas\n        return ideas.X\n"
    )
    code = """import site, sys; from pathlib import Path
from shared.user_code import load
place = Path(site.getusersitepackages())
place.mkdir(parents=True); place.joinpath("ideas.py").write_text("X = 5"); sys.path.append(str(place))
print(load("mine.py:Mine", Path()).object().late())"""
    environment = {**os.environ, "PYTHONUSERBASE": str(tmp_path / ".local")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "5\n"), done.stderr


@pytest.mark.parametrize(("how", "line"), [("other", 11), ("by_helper", 2)])
def test_a_file_that_is_not_declared_is_not_opened(folder: Path, how: str, line: int) -> None:
    mine = load("mine.py:Mine", folder).object()
    file = "mine.py" if how == "other" else "helper.py"
    with pytest.raises(UserCodeFailed) as failed:
        getattr(mine, how)()
    assert str(failed.value) == (
        f"{folder}/{file}:{line}: other.csv: a file that decides must be declared, so that it is hashed: write "
        "data_files = ('other.csv',) in the class that reads it"
    )
    assert (folder / "other.csv").read_text() == "2", "others' code opens what it likes"


def test_a_link_to_the_folder_is_no_way_around(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    text = (folder / "mine.py").read_text()
    (folder / "mine.py").write_text(text.replace("HERE = Path(__file__).parent", f"HERE = Path({str(link)!r})"))
    mine = load("mine.py:Mine", folder).object()
    assert mine.decide(None, None) == "1"
    with pytest.raises(UserCodeFailed, match="a file that decides must be declared"):
        mine.other()


def test_what_is_written_only_decides_nothing(folder: Path) -> None:
    load("mine.py:Mine", folder).object().log()
    assert (folder / "log.txt").read_text() == "seen"


def test_a_module_declares_too_and_names_from_its_own_folder_on(write: Write) -> None:
    folder = write(
        mine="from pkg.table import TABLE\nclass Mine:\n    table = TABLE\n",
        pkg__table="""
            from pathlib import Path
            data_files = ['t.csv']
            TABLE = Path(__file__).with_name('t.csv').read_text()
        """,
    )
    (folder / "pkg" / "t.csv").write_text("5")
    loaded = load("mine.py:Mine", folder)
    assert (loaded.object.table, "pkg/t.csv" in loaded.files) == ("5", True)


def test_a_warning_that_shows_a_line_of_the_code_opens_it(write: Write) -> None:
    folder = write(mine="import warnings\nclass Mine:\n    def warn(self):\n        warnings.warn('look')\n")
    with pytest.warns(UserWarning, match="look") as caught:
        load("mine.py:Mine", folder).object().warn()
    assert "warnings.warn('look')" in warnings.formatwarning(
        caught[0].message, UserWarning, caught[0].filename, caught[0].lineno
    )


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("data_files = ('missing.csv',)", r"mine\.py:2: data_files: 'missing\.csv': there is no such file"),
        ("data_files = ('../levels.csv',)", r"'\.\./levels\.csv' lies outside of"),
        ("data_files = 'levels.csv'", "it is a tuple of names"),
        ("data_files = tuple(NAMES)", "write the names themselves"),
    ],
)
def test_a_declaration_that_is_none_is_refused(write: Write, written: str, said: str) -> None:
    folder = write(mine=f"class Mine:\n    {written}\n")
    with pytest.raises(ConfigError, match=said):
        load("mine.py:Mine", folder)


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "levels.csv").rename(folder.parent / "levels.csv")
    (folder / "levels.csv").symlink_to(folder.parent / "levels.csv")
    with pytest.raises(ConfigError, match=r"levels\.csv is a link to"):
        load("mine.py:Mine", folder)


def test_a_service_reads_them_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FINDER, "reads_once", True)
    first = load("mine.py:Mine", folder).hash
    (folder / "levels.csv").unlink()
    assert code_hash("mine.py:Mine", folder) == first
    with pytest.raises(FileNotFoundError):
        load("mine.py:Mine", folder).object().decide(None, None)


def _decided(bundle: Bundle) -> str:
    with bundle.in_use():
        made: str = load("mine.py:Mine").object().decide(None, None)
    return made


def test_a_bundle_has_them(folder: Path) -> None:
    bundle = Bundle.of(["mine.py:Mine"], folder)
    shutil.rmtree(folder)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_decided, (bundle,)) == "1"
