"""The git revision of an image, of a checkout, and of what is neither."""

import subprocess
from pathlib import Path

import pytest

from shared.version import revision_of

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("one")
    for command in (["init", "-q"], ["add", "file"], ["commit", "-qm", "first"]):
        subprocess.run([*GIT, *command], cwd=tmp_path, check=True)
    return tmp_path


def head(checkout: Path) -> str:
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout.strip()


def test_a_checkout_tells_its_commit_and_that_it_was_changed(checkout: Path) -> None:
    nothing = checkout / "none.txt"
    assert revision_of(nothing, checkout) == head(checkout)
    (checkout / "file").write_text("two")
    assert revision_of(nothing, checkout) == f"{head(checkout)}-changed"


def test_a_hook_of_another_repository_does_not_mislead(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    told = revision_of(checkout / "none.txt", checkout)
    monkeypatch.delenv("GIT_DIR")
    assert told == head(checkout)


def test_what_is_installed_in_the_checkout_of_something_else_tells_none(checkout: Path) -> None:
    inner = checkout / "site-packages"
    inner.mkdir()
    assert revision_of(inner / "none.txt", inner) == ""


def test_a_baked_revision_comes_first(checkout: Path) -> None:
    baked = checkout / "revision.txt"
    baked.write_text("5d315e25\n")
    assert revision_of(baked, checkout) == "5d315e25"


def test_a_checkout_that_git_cannot_read_tells_none(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /nonexistent\n")
    assert revision_of(tmp_path / "none.txt", tmp_path) == ""
