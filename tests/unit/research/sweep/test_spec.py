"""What a sweep may be asked for."""

import re
from decimal import Decimal

import pytest
from pydantic import ValidationError

from services.research.sweep import SweepSpec


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lags": (1, 3, 1)}, "1 stands twice"),
        ({"intervals": ("24h", "12h", "1d")}, "1d stands twice"),
        ({"intervals": ("3q",)}, "interval '3q' is unknown"),
        ({"leverages": (Decimal(1), Decimal("1.0"))}, "1.0 stands twice"),
        ({"leverages": (Decimal("NaN"),)}, "finite"),
        ({"leverages": (Decimal(0),)}, "greater than 0"),
        ({"thresholds": (float("inf"),)}, "finite"),
        ({"thresholds": (-0.1,)}, "greater than or equal to 0"),
        ({"sizings": ("fraction",)}, "'compounding' or 'constant'"),
        ({"lags": ()}, "at least 1 item"),
        ({"folds": 0}, "greater than or equal to 1"),
        ({"holdout": 0.0}, "greater than 0"),
        ({"earlier_trials": -1}, "greater than or equal to 0"),
    ],
)
def test_what_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        SweepSpec.model_validate(given)
