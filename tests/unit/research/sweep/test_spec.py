"""What a sweep may be asked for."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.research.sweep import Axis, SweepSpec, Trading
from services.research.sweep.spec import learners, planned, tradings
from shared.errors import ConfigError
from shared.strategies import Threshold, make_strategy
from tests.unit.research.sweep.made import settings_of


def axes(*texts: str) -> tuple[Axis, ...]:
    return tuple(map(Axis.told, texts))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"intervals": ("24h", "12h", "1d")}, "1d stands twice"),
        ({"intervals": ("3q",)}, "interval '3q' is unknown"),
        ({"features": ()}, "at least 1 item"),
        ({"window": 0}, "greater than or equal to 1"),
        ({"folds": 0}, "greater than or equal to 1"),
        ({"holdout": 0.0}, "greater than 0"),
        ({"earlier_trials": -1}, "greater than or equal to 0"),
    ],
)
def test_what_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        SweepSpec.model_validate(given)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (SweepSpec(grid=axes("leverage=0")), "--grid leverage=0: strategy threshold, parameter 'leverage'"),
        (SweepSpec(grid=axes("strategy.nosuch=1")), "parameter 'nosuch'"),
        (SweepSpec(grid=axes("lags=0")), "--lags=0: log_return_lags(3): "),
        (SweepSpec(grid=axes("log_return_lags.n=2")), "has no argument 'n'; it has: no_lags"),
        (SweepSpec(grid=axes("model.depth=2")), "it takes no_features"),
        (SweepSpec(grid=axes("ema.n=2")), "--grid ema.n: there are strategy, log_return_lags, model"),
        (SweepSpec(grid=axes("lags=2"), features=("log_return()",)), "--lags: there are strategy, log_return, model"),
        (SweepSpec(grid=axes("lags=2"), trained=False), "--lags: no model is made here"),
        (SweepSpec(grid=axes("lags=2", "log_return_lags.no_lags=3")), "are the same parameter: give one"),
        (SweepSpec(grid=axes("lags=2", "lags=3")), "a name stands twice"),
        (SweepSpec(features=("log_return_lags(2)", "log_return_lags(3)"), grid=axes("lags=1")), "log_return_lags#1"),
    ],
)
def test_what_no_part_takes_is_one_line_before_anything_is_read(spec: SweepSpec, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        planned(settings_of(Path("no such file")), spec)
    assert "\n" not in str(caught.value)


# The grid.


def test_every_combination_is_there_once() -> None:
    grid = axes("lags=1,3", "sizing=compounding,constant", "leverage=1,3", "threshold=0,0.1,0.2", "model.hidden=4,8")
    spec = SweepSpec(grid=grid)
    parts = spec.parts(settings_of(Path("f")))
    models, ways = learners(spec, parts), tradings(parts)
    assert len({(model.chosen, way) for model in models if model for way in ways}) == 2 * 2 * 2 * 2 * 3
    assert [(model.features, model.fit.params) for model in models if model] == [
        (("log_return_lags(1)",), {"hidden": 4}),
        (("log_return_lags(1)",), {"hidden": 8}),
        (("log_return_lags(3)",), {"hidden": 4}),
        (("log_return_lags(3)",), {"hidden": 8}),
    ]


def test_a_trading_is_the_settings_strategy_with_the_values_of_the_grid() -> None:
    base = settings_of(Path("f"))
    base = base.model_copy(update={"strategy": base.strategy.model_copy(update={"params": {"netting": True}})})
    own = Trading((("sizing", "constant"), ("strategy.leverage", 1.5), ("threshold", 0.1))).settings(base).strategy
    expected = Threshold(sizing="constant", leverage=Decimal("1.5"), threshold=0.1, netting=True)
    assert make_strategy(own) == expected
    assert own.balance == base.strategy.balance


def test_the_second_of_two_features_of_one_name_has_its_number() -> None:
    spec = SweepSpec(features=("log_return_lags(2)", "log_return_lags(3)"), grid=axes("log_return_lags#2.no_lags=7,8"))
    found = learners(spec, spec.parts(settings_of(Path("f"))))
    assert [model.features for model in found if model] == [
        ("log_return_lags(2)", "log_return_lags(7)"),
        ("log_return_lags(2)", "log_return_lags(8)"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("strategy.distance", "write name=a,b,c, e.g. strategy.distance=0.01,0.02"),
        ("=1,2", "write name=a,b,c"),
        ("strategy.distance=0.1,,0.2", "write name=a,b,c"),
        ("strategy.distance=1,1.0", "--grid strategy.distance: 1.0 stands twice"),
        ("lags=3,3", "--lags: 3 stands twice"),
        ("strategy.distance=Infinity", "finite"),
        ("strategy.distance=NaN", "finite"),
    ],
)
def test_an_axis_that_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        Axis.told(text)
