"""The code's revision and the data's hash."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from services.research.train.provenance import file_sha256, git_revision, library_versions
from shared.errors import DataError


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_work_tree_has_a_revision_and_may_be_dirty(tmp_path: Path) -> None:
    assert git_revision(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert git_revision(tmp_path) is None  # no commit yet
    (tmp_path / "code.py").write_text("1")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-q", "-m", "first")
    (tmp_path / "new_weights.pth").write_text("untracked")
    found = git_revision(tmp_path)
    assert found is not None
    assert (found.commit, found.dirty) == (git(tmp_path, "rev-parse", "HEAD"), False)
    (tmp_path / "code.py").write_text("2")
    found = git_revision(tmp_path)
    assert found is not None
    assert found.dirty
    (tmp_path / "inner").mkdir()
    assert git_revision(tmp_path / "inner") is None  # another project's tree around us says nothing of our code


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_revision() is None


def test_the_hash_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"prices")
    assert file_sha256(tmp_path / "a") == hashlib.sha256(b"prices").hexdigest()
    with pytest.raises(DataError, match="cannot be read"):
        file_sha256(tmp_path / "b")


def test_versions() -> None:
    assert library_versions().keys() == {"python", "numpy", "tickline", "torch"}
