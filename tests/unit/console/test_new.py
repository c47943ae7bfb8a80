"""`tickline new`: what it writes runs as it stands, and nothing is overwritten."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.console.new.verb import NewFile, class_name, new
from shared.errors import ConfigError
from shared.user_code import load


@pytest.mark.long
@pytest.mark.parametrize("kind", NewFile)
def test_what_is_written_loads_and_its_tests_pass(kind: NewFile, tmp_path: Path) -> None:
    new(kind, "my_idea", tmp_path)
    assert load("my_idea.py:MyIdea", tmp_path).object.__name__ == "MyIdea"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.parametrize("there", ["my_idea.py", "test_my_idea.py"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(ConfigError, match=rf"{there} is there, and nothing was overwritten"):
        new(NewFile.STRATEGY, "my_idea", tmp_path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(there, "mine")]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("signal", "would have the same name as a module of Python's standard library"),
        ("numpy", "would have the same name as a module of the installed package numpy"),
        ("shared", "would have the same name as a module of Tickline"),
        ("tickline", "would have the same name as a module of Tickline"),
        ("My Idea", "a file's name has small letters, digits and _"),
        ("my.idea", "a file's name has small letters, digits and _"),
        ("../idea", "a file's name has small letters, digits and _"),
        ("class", "a file's name has small letters, digits and _"),
        ("_", "a file's name has small letters, digits and _"),
    ],
)
def test_a_name_that_no_module_should_have_is_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        new(NewFile.STRATEGY, name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_its_class() -> None:
    assert [class_name(stem) for stem in ("idea", "my_2nd_idea", "_x")] == ["Idea", "My2ndIdea", "X"]
