"""What a sweep may be asked for."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.research.sweep import SweepSpec, Trading, trials
from shared.strategies import BasicTaker, Threshold, make_strategy
from tests.unit.research.sweep.made import settings_of


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


# The grid.


def test_every_combination_is_there_once() -> None:
    spec = SweepSpec(
        lags=(1, 3),
        intervals=("1h", "2h"),
        sizings=("compounding", "constant"),
        leverages=(Decimal(1), Decimal(3)),
        thresholds=(0.0, 0.1, 0.2),
    )
    found = trials(spec)
    assert len(found) == len(set(found)) == 2 * 2 * 2 * 2 * 3


def test_a_trading_is_a_strategy() -> None:
    base = settings_of(Path("f"))
    for trading, expected in (
        (Trading("constant", Decimal("1.5"), 0.0, False), BasicTaker(sizing="constant", leverage=Decimal("1.5"))),
        (Trading("compounding", Decimal(1), 0.1, True), Threshold(threshold=0.1, netting=True)),
    ):
        own = trading.settings(base).strategy
        assert make_strategy(own) == expected
        assert own.balance == base.strategy.balance
