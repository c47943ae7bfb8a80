"""A model's files: the same bytes, all or nothing, nothing replaced unasked."""

import hashlib
import subprocess
from pathlib import Path

import pytest
import torch

from shared.errors import ConfigError, DataError
from shared.models.card import Card
from shared.models.linear_model import LinearModel
from shared.models.load_model import load_model
from shared.models.model_files import (
    check_name,
    file_sha256,
    git_revision,
    library_versions,
    sha256_of,
    weights_bytes,
    write_model,
)

STATE = LinearModel(3).state_dict()
WEIGHTS = weights_bytes(STATE)


def card(name: str = "m", weights: bytes = WEIGHTS, origin: str = "a test") -> Card:
    return Card(
        name=name,
        model="LinearModel",
        features="log_return_lags(3)",
        no_features=3,
        symbols=("BTCUSDT",),
        interval="1h",
        sha256=sha256_of(weights),
        origin=origin,
    )


def test_the_same_tensors_are_the_same_bytes() -> None:
    again = {name: torch.tensor(tensor.tolist()) for name, tensor in STATE.items()}
    assert weights_bytes(again) == WEIGHTS
    assert weights_bytes(STATE) == WEIGHTS
    parameters = LinearModel(3)
    parameters.load_state_dict(STATE)
    assert weights_bytes(dict(parameters.named_parameters())) == WEIGHTS


def test_what_is_written_can_be_loaded(tmp_path: Path) -> None:
    pth, json = write_model(tmp_path / "new", card(), WEIGHTS)
    assert sorted((tmp_path / "new").iterdir()) == [json, pth]
    assert load_model(json).card == card().fitting()
    assert card().fitting().is_as_written and not card().is_as_written


def test_a_name_is_taken_by_either_file(tmp_path: Path) -> None:
    pth, json = write_model(tmp_path, card(), WEIGHTS)
    for path in (json, pth):
        with pytest.raises(ConfigError, match="exists: pass --force to replace that model, or another --name"):
            write_model(tmp_path, card(origin="another"), WEIGHTS)
        path.unlink()
    write_model(tmp_path, card(), WEIGHTS)
    write_model(tmp_path, card(origin="another"), WEIGHTS, force=True)
    assert load_model(json).card.origin == "another"


@pytest.mark.parametrize("name", ["", "a/b", "..", "a.b", "a b", "x" * 101, "é"])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="use letters, digits, _ and -"):
        check_name(tmp_path, name, force=True)


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    write_model(tmp_path, card(), WEIGHTS)
    with pytest.raises(ConfigError, match="bytes, 1000000 are allowed"):
        write_model(tmp_path, card(origin="x" * 1_000_000), b"other", force=True)
    assert load_model(tmp_path / "m.json").card == card().fitting()
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(ConfigError, match="cannot be written: Not a directory"):
        write_model(tmp_path / "m.json" / "sub", card(), WEIGHTS)


# The code's revision and the data's hash.


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
