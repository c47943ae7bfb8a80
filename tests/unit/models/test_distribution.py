"""Distributions against numpy, and as JSON."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.models.distribution import PROBABILITIES, Distribution

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
def test_what_is_refused(changes: dict[str, object]) -> None:
    good = json.loads(Distribution.of([1.0, 2.0, 4.0]).model_dump_json())
    with pytest.raises(ValidationError):
        Distribution.model_validate_json(json.dumps(good | changes))


def test_it_is_frozen() -> None:
    with pytest.raises(ValidationError):
        Distribution.of([1.0, 2.0]).mean = 1.0  # type: ignore[misc]
