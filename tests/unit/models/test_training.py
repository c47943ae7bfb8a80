"""The part of a card about its training, and the distributions in it."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.models.card import Card
from shared.models.training import PROBABILITIES, Distribution, Recipe, Training

# Distributions against numpy, and as JSON.

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50)


@given(NUMBERS)
def test_against_numpy_and_back_from_json(values: list[float]) -> None:
    found = Distribution.of(values)
    assert found.n == len(values)
    assert found.mean == pytest.approx(np.mean(values), rel=1e-5, abs=1e-5)
    assert found.std == pytest.approx(np.std(values, ddof=1), rel=1e-5)
    assert tuple(found.quantiles) == PROBABILITIES
    assert list(found.quantiles.values()) == pytest.approx(np.quantile(values, PROBABILITIES).tolist(), rel=1e-5)
    assert Distribution.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize("values", [[], [1.0], [[1.0, 2.0]], [1.0, math.nan], [1.0, math.inf]])
def test_no_distribution(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least two finite numbers"):
        Distribution.of(values)


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 1}, {"std": -1.0}, {"mean": math.nan}, {"mean": "0"}, {"more": 1}, {"quantiles": {}},
        {"quantiles": {"0.0": 2.0, "1.0": 1.0}}, {"quantiles": {"1.0": 1.0, "0.0": 1.0}},
        {"quantiles": {"0.0": 1.0, "1.5": 2.0}},
    ],
)  # fmt: skip
def test_a_distribution_that_is_refused(changes: dict[str, object]) -> None:
    good = json.loads(Distribution.of([1.0, 2.0, 4.0]).model_dump_json())
    with pytest.raises(ValidationError):
        Distribution.model_validate_json(json.dumps(good | changes))


def test_a_distribution_is_frozen() -> None:
    with pytest.raises(ValidationError):
        Distribution.of([1.0, 2.0]).mean = 1.0  # type: ignore[misc]


# A card's training.

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
