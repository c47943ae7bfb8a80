"""The typed part of a card about its training."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shared.models.card import Card
from shared.models.training import Recipe, Training

SHIPPED = json.loads(Path("weights/btcusdt_12h_linear.json").read_text())


def test_an_optimiser_has_its_own_rate() -> None:
    assert (Recipe().lr, Recipe(optimiser="adam").lr, Recipe(optimiser="adam", lr=0.5).lr) == (1.0, 0.01, 0.5)


def test_through_json_and_back() -> None:
    card = Card.model_validate_json(json.dumps(SHIPPED))
    assert card.training is not None
    text = card.model_dump_json(exclude_none=True)
    assert Card.model_validate_json(text) == card
    assert json.loads(text) == SHIPPED


def test_an_older_card_says_nothing() -> None:
    assert Card.model_validate_json(json.dumps({k: v for k, v in SHIPPED.items() if k != "training"})).training is None


@pytest.mark.parametrize(
    "changes",
    [
        {"features": []}, {"fee": 1.5}, {"fee": "0"}, {"more": 1}, {"data_sha256": "short"}, {"y_hat": None},
        {"train": {"start": "yesterday", "end": "2024-01-01T00:00:00Z", "samples": 1}},
        {"git": {"commit": "main", "dirty": False}}, {"scores": {"in_sample": {"samples": 1, "hit_rate": 2.0}}},
        {"fit": {"recipe": {"loss": "l7"}, "epochs": 1}}, {"fit": {"recipe": {"seed": -1}, "epochs": 1}},
    ],
)  # fmt: skip
def test_what_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Training.model_validate_json(json.dumps(SHIPPED["training"] | changes))
