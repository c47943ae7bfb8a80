"""What every feature keeps, shipped or a user's; and that the check would see each rule broken."""

import random
import sys
from collections import deque
from itertools import islice
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.bar import Bar, BarArrays, fields_needed
from shared.errors import DataError
from shared.features.contract import RuleBroken, check_feature, market
from shared.features.feature import AnyFeature, BarFeature, Feature, as_rows
from shared.features.registry import FEATURES, make_feature
from shared.messages.codec import pack, unpack
from shared.record import FIRST, WIRE, NewerWire
from shared.tick import State
from tests.contract.test_tick_contract import STATES
from tests.examples import examples
from tests.unit.features.bars import BARS
from tests.unit.features.specs import SPECS

PRICES = st.floats(1e-6, 1e9)


def test_every_registered_feature_is_tried_here() -> None:
    assert {spec.partition("(")[0] for spec in SPECS} == set(FEATURES)


@pytest.mark.parametrize("spec", SPECS)
def test_it_keeps_the_rules_in_markets(spec: str) -> None:
    feature = make_feature(spec)
    assert feature.spec == spec
    check_feature(lambda: make_feature(spec))


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=examples(15))  # for each of some thirty
@given(data=st.data())
def test_it_keeps_the_rules_whatever_comes(spec: str, data: st.DataObject) -> None:
    of_bars = isinstance(make_feature(spec), BarFeature)
    values = data.draw(st.lists(BARS if of_bars else PRICES, max_size=9))
    check_feature(lambda: make_feature(spec), values)


@pytest.mark.parametrize("spec", SPECS)
def test_each_has_an_array(spec: str) -> None:
    feature = make_feature(spec)
    values = list(islice(market(feature, 0.01), 9))
    of_bars = isinstance(feature, BarFeature)
    shown = BarArrays.of(values, fields_needed(feature.needs, feature.fields)) if of_bars else np.array(values)
    assert feature.array(shown) is not None


LONG = ("ema(*)", "rolling_mean(*)", "bollinger(*, 2.0)", "rsi(*)", "atr(*)", "realised_volatility(*)", "volume_z(*)")


def lines_a_tick(spec: str, ticks: int) -> float:
    """How many lines of Python a tick runs, on average."""
    feature, lines = make_feature(spec), 0
    values = list(islice(market(feature, 0.01), ticks))

    def traced(frame: Any, event: str, _: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return traced

    before = sys.gettrace()
    sys.settrace(traced)
    try:
        for value in values:
            feature.on_tick(value)
    finally:
        sys.settrace(before)
    return lines / ticks


@pytest.mark.parametrize("spec", LONG)
def test_a_tick_costs_no_more_in_a_long_window(spec: str) -> None:
    assert lines_a_tick(spec.replace("*", "400"), 2000) < 1.1 * lines_a_tick(spec.replace("*", "40"), 2000)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("wire", range(FIRST, WIRE + 1))
def test_a_state_of_any_wire_is_taken(spec: str, wire: int) -> None:
    feature, other = make_feature(spec), make_feature(spec)
    for value in islice(market(feature, 0.01), 7):
        feature.on_tick(value)
    other.restore(unpack(pack(feature.state(), wire)))
    assert pack(other.state()) == pack(feature.state())


BAD = st.sampled_from([float("nan"), float("inf"), -float("inf")])
READS = {
    "atr": ("high", "low", "close"), "volume_z": ("volume",), "taker_imbalance": ("volume", "taker_volume"),
    "spread": ("bid", "ask"), "funding": ("funding_rate",), "time_of_day": (), "time_of_week": (),
}  # fmt: skip


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=examples(15))  # for each of some thirty
@given(bars=st.lists(BARS, min_size=1, max_size=6), bad=BAD | st.sampled_from([0.0, -1.0]), data=st.data())
def test_a_value_that_is_no_number_is_refused_and_changes_nothing(
    spec: str, bars: list[Bar], bad: float, data: st.DataObject
) -> None:
    feature, fields = make_feature(spec), READS.get(spec.partition("(")[0], ("price",))
    of_bars = isinstance(feature, BarFeature)
    for bar in bars:
        feature.on_tick(bar if of_bars else bar.close)
    if not fields or (of_bars and np.isfinite(bad)):
        return
    before = pack(feature.state())
    with pytest.raises(ValueError, match="must be finite"):
        feature.on_tick(bars[0]._replace(**{data.draw(st.sampled_from(fields)): bad}) if of_bars else bad)
    assert pack(feature.state()) == before


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=examples(15))  # for each of some thirty
@given(state=STATES | st.fixed_dictionaries({"v": st.just(3), "arguments": st.sampled_from(["()", "(3)", "(4)"]),
                                             "memory": STATES}))  # fmt: skip
def test_any_other_state_is_taken_or_refused_with_a_value_error(spec: str, state: State) -> None:
    feature = make_feature(spec)
    try:
        feature.restore(state)
    except (ValueError, NewerWire):
        return
    pack(feature.state())


class Fine(Feature[float]):
    """The mean of two prices, which keeps all rules."""

    width: int = 1

    def __init__(self, n: int = 2) -> None:
        self._prices: deque[float] = deque(maxlen=n)

    def on_tick(self, val: float) -> Any:
        self._prices.append(val)
        return sum(self._prices) / 2 if len(self._prices) == self._prices.maxlen else None


def test_a_fine_one_passes() -> None:
    check_feature(Fine)
    check_feature(lambda: Fine(3))


class Tensor(Fine):
    """Its result is a tensor, as in the notebook."""

    def on_tick(self, val: float) -> Any:
        return torch.tensor([val], dtype=torch.float64)


def test_a_tensor_is_fine() -> None:
    check_feature(Tensor)


class Wavers(Fine):
    """It gives None again."""

    def on_tick(self, val: float) -> Any:
        return None if int(val * 1000) % 7 == 0 else super().on_tick(val)


class NeverWarm(Fine):
    """It gives nothing."""

    def on_tick(self, val: float) -> Any:
        return None


class Wide(Fine):
    """It gives two numbers for one."""

    def on_tick(self, val: float) -> Any:
        return [val, val]


class NotANumber(Fine):
    """It divides by a deviation that may be 0."""

    def on_tick(self, val: float) -> Any:
        mean = super().on_tick(val)
        return None if mean is None else np.float64(1) / abs(val - mean) if val != mean else float("nan")


class OwnState(Fine):
    """It forgets a part."""

    def state(self) -> State:
        return None

    def restore(self, state: State) -> None:
        """It does nothing."""


class Lists(Fine):
    """It remembers ever more."""

    def __init__(self) -> None:
        super().__init__()
        self._all: list[float] = []

    def on_tick(self, val: float) -> Any:
        self._all.append(val)
        return super().on_tick(val)


class KeptByClass(Fine):
    """It keeps what it has seen in the class, outside of `state()`."""

    seen: ClassVar[deque[float]] = deque(maxlen=3)

    def on_tick(self, val: float) -> Any:
        self.seen.append(val)
        return sum(self.seen)


class Chance(Fine):
    """It throws dice."""

    def on_tick(self, val: float) -> Any:
        return random.random()


class Shares(Fine):
    """It gives its own memory away."""

    def __init__(self) -> None:
        self._out = np.zeros(1)

    def on_tick(self, val: float) -> Any:
        self._out[0] = val
        return self._out


class FasterNumbers(Fine):
    """Its numbers are others than those of on_tick."""

    def numbers(self, val: float) -> Any:
        result = super().numbers(val)
        return None if result is None else result * np.float32(1.5)


class Doubles(Fine):
    """Its numbers are no float32."""

    def numbers(self, val: float) -> Any:
        return np.array([val])


class OtherArray(Fine):
    """Its array is another one in the seventh digit."""

    def array(self, values: Any) -> Any:
        return as_rows(np.array([np.nan, *((values[1:] + values[:-1]) / 2 * (1 + 1e-6))]))


class OtherBars(BarFeature[float]):
    """Its array of bars is wrong."""

    def on_tick(self, val: Bar) -> float:
        return self.given(val, "high")

    def array(self, values: Any) -> Any:
        return as_rows(self.column(values, "low"))


class LooksFarther(Fine):
    """It sees one price more than it says."""

    looks_back = 1


class KeepsTheLast(Fine):
    """It does not reset."""

    def reset(self) -> None:
        """It does nothing."""


class AnotherSpec(Fine):
    """Its spec is not what it was made of."""

    @property
    def spec(self) -> str:
        return "fine(7)"


class Holds(BarFeature[float]):
    """It keeps the bar."""

    def __init__(self) -> None:
        self._bars: list[Any] = []

    def on_tick(self, val: Bar) -> float:
        self._bars = [val]
        return 1.0

    def state(self) -> State:
        return None

    def restore(self, state: State) -> None:
        """There is nothing."""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Wavers, r"gave None at tick \d+, after it had given numbers"),
        (Wide, r"numbers of shape \(2,\), and its width is 1"),
        (NotANumber, r"gave \[nan\] for .* \(in one without movement\)"),
        (OwnState, r"restored after \d ticks, gave another result"),
        (Lists, r"remembers ever more: its state grew"),
        (KeptByClass, r"a new one gave another result at its tick 1"),
        (Chance, r"a new one gave another result at its tick 1"),
        (Shares, r"a later tick changed the result of tick 1"),
        (FasterNumbers, r"numbers and on_tick differ at tick 2"),
        (Doubles, r"numbers gave float64"),
        (OtherArray, r"array gave \[.*\] at tick \d+, where on_tick gives otherwise"),
        (OtherBars, r"array gave \[.*\] at tick 1, where on_tick gives otherwise"),
        (LooksFarther, r"looks back 1 values, and one that has seen these alone gave another result at tick \d+"),
        (KeepsTheLast, r"after reset gave another result at its tick 1"),
        (AnotherSpec, r"fine\(7\) builds a"),
        (Holds, r"keeps the given Bar"),
    ],
)
def test_each_rule_that_is_broken_is_seen(kind: type[AnyFeature[Any, Any]], words: str) -> None:
    with pytest.raises(RuleBroken, match=words) as broken:
        check_feature(kind)
    assert "\n" not in str(broken.value)


def test_one_that_never_gives_a_number_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.features.contract._LONGEST", 99)
    with pytest.raises(RuleBroken, match="gave only None in 99 ticks"):
        check_feature(NeverWarm)


def test_a_field_of_a_group_that_needs_does_not_name_is_missed() -> None:
    class Undeclared(BarFeature[float]):
        """It reads a quote, and says that it needs a bar."""

        def on_tick(self, val: Bar) -> float:
            return self.given(val, "bid")

    with pytest.raises(Exception, match=r"needs bid, which the source of BTCUSDT does not give"):
        check_feature(Undeclared)


class Undeclared(BarFeature[float]):
    """It asks for what not every source tells, and does not say so."""

    def on_tick(self, val: Bar) -> float:
        return self.given(val, "trades")


def test_a_field_that_the_class_does_not_name_is_missed_by_its_check() -> None:
    with pytest.raises(DataError, match=r'needs trades, .* name it in the class, fields = frozenset\(\{"trades"\}\)'):
        check_feature(Undeclared)
    check_feature(type("Declared", (Undeclared,), {"fields": {"trades"}}))
