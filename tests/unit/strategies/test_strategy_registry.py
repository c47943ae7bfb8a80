"""Strategies by name, their parameters checked."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import JsonValue

from shared.account import Account
from shared.bar import Bar
from shared.config import Settings
from shared.config.settings import SignalSettings
from shared.config.strategy import StrategySettings
from shared.strategies import (
    AnyStrategy,
    BasicTaker,
    CoolDown,
    Decider,
    StatefulStrategy,
    Threshold,
    TrailingStop,
    make_strategy,
)
from shared.strategies.identity import Identity
from shared.strategies.registry import STRATEGIES, described, with_reserve
from shared.strategies.wrapper import innermost
from shared.user_code import use_folder, user_folder


def made(name: str, params: dict[str, object], *wrappers: dict[str, object]) -> AnyStrategy:
    return make_strategy(StrategySettings.model_validate({"name": name, "params": params, "wrappers": wrappers}))


def test_by_name_with_parameters() -> None:
    assert made("basic_taker", {}) == BasicTaker(leverage=Decimal(1), netting=False)
    given = {"leverage": "0.5", "netting": True, "sizing": "fraction", "fraction": 0.25}
    assert made("basic_taker", given).model_dump() == {
        "leverage": Decimal("0.5"),
        "netting": True,
        "sizing": "fraction",
        "fraction": Decimal("0.25"),
    }
    assert made("threshold", {"threshold": 0.001, "leverage": 2}) == Threshold(threshold=0.001, leverage=Decimal(2))


def test_a_float_becomes_the_decimal_that_a_person_reads() -> None:
    assert made("basic_taker", {"leverage": 0.1}).model_dump()["leverage"] == Decimal("0.1")


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("basic", {}, r"strategy 'basic' is unknown; there are: basic_taker, .*; one of yours is file.py:Class$"),
        ("basic_taker", {"leverag": 2}, r"'leverag'.*it has: leverage, netting"),
        ("basic_taker", {"leverage": 0}, r"'leverage'.*greater than 0"),
        ("basic_taker", {"leverage": "NaN"}, r"'leverage'.*finite"),
        ("basic_taker", {"netting": "perhaps"}, r"'netting'"),
        ("basic_taker", {"sizing": "half"}, r"'sizing'.*constant"),
        ("basic_taker", {"sizing": "fraction", "fraction": 1.5}, r"'fraction'.*less than or equal to 1"),
        ("basic_taker", {"sizing": "constant", "fraction": 0.5}, r"basic_taker: .*fraction 0.5 has no effect"),
        ("threshold", {}, r"'threshold'.*required"),
        ("threshold", {"threshold": -1}, r"'threshold'.*greater than or equal to 0"),
        ("threshold", {"threshold": 1e999}, r"'threshold'"),
        ("moving_average_cross", {"fast": 5, "slow": 5}, r"moving_average_cross: fast is below slow, not 5 and 5"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(name: str, params: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        made(name, params)
    assert "\n" not in str(refused.value)


def test_a_class_without_its_decision_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STRATEGIES, "half", type("Half", (Decider,), {}))
    with pytest.raises(ValueError, match=r"^strategy half: it lacks decide: write it"):
        made("half", {})


@pytest.mark.parametrize(
    ("wrapper", "words"),
    [
        ({}, r"strategy.wrappers: each has a name, one of: trailing_stop, take_profit, cool_down"),
        ({"name": "stop"}, r"wrapper 'stop' is unknown; there are: trailing_stop"),
        ({"name": "cool_down"}, r"wrapper cool_down, parameter 'ticks': Field required"),
        ({"name": "cool_down", "ticks": 0}, r"'ticks'.*greater than or equal to 1"),
        ({"name": "trailing_stop"}, r"wrapper trailing_stop: it takes either distance .* or atr"),
        ({"name": "trailing_stop", "distance": 0.1, "atr": 2}, r"wrapper trailing_stop: it takes either"),
        ({"name": "trailing_stop", "distance": 1}, r"'distance'.*less than 1"),
        ({"name": "take_profit", "gain": 0.1, "_fired": True}, r"wrapper take_profit, parameter '_fired'"),
    ],
)
def test_a_wrapper_that_does_not_fit_is_refused_in_one_line(wrapper: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        made("basic_taker", {}, wrapper)
    assert "\n" not in str(refused.value)


def test_a_later_wrapper_is_around_the_earlier_ones() -> None:
    strategy = made(
        "threshold", {"threshold": 1}, {"name": "trailing_stop", "atr": 2}, {"name": "cool_down", "ticks": 3}
    )
    assert isinstance(strategy, CoolDown)
    assert isinstance(strategy.inner, TrailingStop)
    assert innermost(strategy) == Threshold(threshold=1)
    wrappers: tuple[dict[str, JsonValue], ...] = (
        {"name": "trailing_stop", "atr": 2},
        {"name": "cool_down", "ticks": 3},
    )
    own = StrategySettings(name="threshold", params={"threshold": 1}, wrappers=wrappers)
    assert described(own)["wrappers"][1] == {"name": "cool_down", "ticks": 3}
    shown = str(Identity.of(Settings(signal=SignalSettings(model="none"), strategy=own)))
    inside = "threshold(leverage=1, netting=False, sizing=compounding, fraction=1, threshold=1.0)"
    around = "trailing_stop(bars=False, atr=2, window=14) in cool_down(ticks=3)"
    assert shown == f"model none, strategy {inside} in {around}"


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_that_ships_can_keep_a_reserve(name: str) -> None:
    """A live line asks for it, whatever the strategy is: a rule has a memory, too."""
    required: dict[str, dict[str, object]] = {"threshold": {"threshold": 0.1}}
    own = made(name, required.get(name, {}) | {"leverage": 2})
    less = with_reserve(own, Decimal("0.001"), Decimal(10))
    assert less.model_dump() == own.model_dump() | {"leverage": Decimal(2) / (1 + Decimal(2) * Decimal("0.004"))}
    if isinstance(own, StatefulStrategy):
        assert isinstance(less, StatefulStrategy)
        less.bind("BTCUSDT", Account(100.0)).on_tick(Bar.of("BTCUSDT", 1, Decimal(5)))
        assert own.state() != less.state(), "they share no memory"


@pytest.mark.parametrize(("limit_bps", "cost"), [(None, "0.004"), (10, "0.004"), (20, "0.004"), (50, "0.007")])
def test_the_money_for_a_limit_order_is_kept_at_its_limit(limit_bps: int | None, cost: str) -> None:
    limit = None if limit_bps is None else Decimal(limit_bps)
    less = with_reserve(made("basic_taker", {}), Decimal("0.001"), Decimal(10), limit)
    assert innermost(less).model_dump()["leverage"] == 1 / (1 + Decimal(cost))


def test_the_reserve_is_of_the_strategy_within() -> None:
    plain = made("basic_taker", {"leverage": 2})
    wrapped = made("basic_taker", {"leverage": 2}, {"name": "cool_down", "ticks": 3})
    costs = (Decimal("0.001"), Decimal(10))
    assert innermost(with_reserve(wrapped, *costs)) == with_reserve(plain, *costs)
    assert innermost(wrapped) == plain  # another one was made


MINE = """\
from tickline import Decider, Made, Reason, StatefulStrategy, Wrapper

class Quiet(Decider):
    size: int = 1
    def decide(self, prediction, account):
        return Reason.NO_CHANGE

class Around(Wrapper):
    least: int = 2

class Remembers(StatefulStrategy):
    _seen: int = 0

def function():
    pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "mine.py").write_text(MINE)
    before = user_folder()
    use_folder(tmp_path)
    yield tmp_path
    use_folder(before)


def test_a_users_strategies_and_wrappers_are_named_by_their_file(folder: Path) -> None:
    strategy = made(
        "mine.py:Quiet", {"size": 3}, {"name": "mine.py:Around", "least": 4}, {"name": "cool_down", "ticks": 1}
    )
    assert isinstance(strategy, CoolDown)
    assert type(strategy.inner).__name__ == "Around"
    assert innermost(strategy).model_dump() == {"size": 3}
    assert type(made("mine.py:Remembers", {})).__name__ == "Remembers"


@pytest.mark.parametrize(
    ("name", "wrappers", "words"),
    [
        ("mine.py:function", [], "strategy mine.py:function: it is no Decider and no StatefulStrategy"),
        ("basic_taker", [{"name": "mine.py:Quiet"}], "wrapper mine.py:Quiet: it is no Wrapper"),
        ("mine.py:Around", [], "strategy mine.py:Around: it is a wrapper: name it in strategy.wrappers"),
        ("mine.py:Quiet", [{"name": "mine.py:Around", "lest": 1}], "wrapper mine.py:Around, parameter 'lest'"),
    ],
)
def test_what_is_neither_is_refused_in_one_line(
    folder: Path, name: str, wrappers: list[dict[str, object]], words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as refused:
        made(name, {}, *wrappers)
    assert "\n" not in str(refused.value)
