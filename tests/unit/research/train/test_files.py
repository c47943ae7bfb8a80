"""A model's files: the same bytes, all or nothing, nothing replaced unasked."""

from pathlib import Path

import pytest
import torch

from services.research.train.files import check_name, sha256_of, weights_bytes, write_model
from shared.errors import ConfigError
from shared.models.card import Card
from shared.models.linear_model import LinearModel
from shared.models.load_model import load_model

STATE = LinearModel(3).state_dict()
WEIGHTS = weights_bytes(STATE)


def card(name: str = "m", weights: bytes = WEIGHTS, origin: str = "a test") -> Card:
    return Card(
        name=name, model="LinearModel", features="log_return_lags(3)", no_features=3, symbols=("BTCUSDT",),
        interval="1h", sha256=sha256_of(weights), origin=origin,
    )  # fmt: skip


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
    assert load_model(json).card == card()


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
    assert load_model(tmp_path / "m.json").card == card()
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(ConfigError, match="cannot be written: Not a directory"):
        write_model(tmp_path / "m.json" / "sub", card(), WEIGHTS)
