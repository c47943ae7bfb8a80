"""A feature of which the author wrote only a constructor and `on_tick`."""

import copy
import pickle
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shared.bar import Bar
from shared.errors import ConfigError, UserCodeFailed
from shared.features.contract import check_feature
from shared.features.feature import BarFeature, Feature, as_numbers
from shared.features.registry import FEATURES, make_feature
from shared.features.vector import FeatureVector
from shared.messages.codec import pack, unpack
from shared.messages.market import Group
from shared.windows import DequeWindow, NumpyWindow
from tests.unit.features.bars import BARS

PRICES = st.lists(st.floats(0.01, 1e6), max_size=20)


class Momentum(Feature[float]):
    """The price beside the one n ticks before, and beside the mean of the last `slow`."""

    width = 2

    def __init__(self, n: int, slow: int = 3) -> None:
        self._prices: deque[float] = deque(maxlen=n + 1)
        self._slow = NumpyWindow(slow)
        self._seen = {"high": -1.0}
        self._pair: tuple[float, ...] = ()

    def on_tick(self, val: float) -> Any:
        self._prices.append(val)
        self._slow.on_tick(val)
        self._seen["high"] = max(val, self._seen["high"])
        self._pair = (val, *self._pair[:1])
        if len(self._prices) < self._prices.maxlen or not self._slow.is_full():  # type: ignore[operator]
            return None
        return [val / self._prices[0], self._slow.values().mean() / self._seen["high"] * self._pair[-1]]


class Range(BarFeature[float]):
    """The bar's height."""

    def on_tick(self, val: Bar) -> float | None:
        return None if val.high is None or val.low is None else val.high - val.low


@pytest.fixture(autouse=True, scope="module")
def _registered() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FEATURES, "momentum", Momentum)
        patch.setitem(FEATURES, "range", Range)
        yield


def run(feature: Any, values: list[Any]) -> list[Any]:
    return [None if x is None else x.tolist() for x in (feature.numbers(value) for value in values)]


@given(PRICES, st.integers(0, 20))
def test_restored_is_never_stopped_and_reset_is_new(prices: list[float], cut: int) -> None:
    feature = make_feature("momentum(2, slow=4)")
    before, saved = run(feature, prices[:cut]), pack(feature.state())
    after = run(feature, prices[cut:])
    other = make_feature("momentum(2, slow=4)")
    run(other, [5.0] * 7)
    other.restore(unpack(saved))
    assert pack(other.state()) == saved
    assert run(other, prices[cut:]) == after
    assert pack(other.state()) == pack(feature.state())
    other.reset()
    assert run(other, prices) == before + after
    assert other.spec == "momentum(2, 4)"


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda feature: pickle.loads(pickle.dumps(feature))])
def test_a_copy_goes_on_by_itself(copied: Any) -> None:
    feature = Momentum(1, 2)
    run(feature, [1.0, 2.0, 3.0])
    other = copied(feature)
    assert (other.spec, pack(other.state())) == (feature.spec, pack(feature.state()))
    expected = run(feature, [4.0, 5.0])
    assert run(other, [4.0, 5.0]) == expected


@dataclass
class Scaled(Feature[float]):
    """A feature written as a dataclass."""

    by: float = 2.0
    before: float = field(default=0.0, init=False)

    def on_tick(self, val: float) -> float | None:
        before, self.before = self.before, val * self.by
        return before


def test_a_dataclass_is_a_feature() -> None:
    check_feature(lambda: Scaled(3.0))
    assert Scaled().spec == f"{__name__}:Scaled(2.0)"


def test_memory_in_slots_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Slotted has __slots__"):

        class Slotted(Feature[float]):
            __slots__ = ("_x",)


def test_fields_that_a_bar_may_lack_are_named_by_the_class() -> None:
    for fields, said in (
        ({"volume"}, "is a frozenset of some of quote_volume, taker_volume, trades"),
        ("trades", "is a"),
    ):
        with pytest.raises(TypeError, match=rf"Odd\.fields {said}"):
            type("Odd", (BarFeature,), {"fields": fields})
    with pytest.raises(TypeError, match=r"name Group\.BAR in `needs`"):
        type("Odd", (Feature,), {"fields": {"trades"}})
    assert FeatureVector(["taker_imbalance(2)", "volume_z(3)"]).fields == frozenset({"taker_volume"})


@pytest.mark.parametrize("needs", ["bar", {"bars"}, {Group.BAR, 1}])
def test_needs_that_are_no_groups_are_refused(needs: Any) -> None:
    with pytest.raises(TypeError, match=r"Odd\.needs is a frozenset of some of Group\.BAR, Group\.QUOTE"):
        type("Odd", (BarFeature,), {"needs": needs})
    assert type("Even", (BarFeature,), {"needs": {"quote"}}).needs == frozenset({Group.QUOTE})  # type: ignore[attr-defined]


def test_a_state_of_other_arguments_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Momentum\(2, 3\) does not take the state of a Momentum\(2, 4\)"):
        Momentum(2).restore(Momentum(2, 4).state())


VECTOR = ["momentum(2)", "range()", "log_return_lags(3)"]


@given(st.lists(BARS, max_size=12), st.integers(0, 12))
def test_a_vector_is_its_features_side_by_side(bars: list[Bar], cut: int) -> None:
    vector, alone = FeatureVector(VECTOR), [make_feature(spec) for spec in VECTOR]
    got = []
    for bar in bars:
        parts = [feature.numbers(bar if feature.needs else bar.close) for feature in alone]
        x = vector.on_tick(bar)
        got.append(x)
        if any(part is None for part in parts):
            assert x is None
            continue
        assert x is not None
        assert (x.dtype, x.shape) == (np.float32, (vector.width,))
        assert x.tolist() == [number for part in parts for number in part.tolist()]
    assert all(x is not None for x in got[3:])
    stopped = FeatureVector(VECTOR)
    for bar in bars[:cut]:
        stopped.on_tick(bar)
    restored = FeatureVector(VECTOR)
    restored.restore(unpack(pack(stopped.state())))
    for bar, x in zip(bars[cut:], got[cut:], strict=False):
        again = restored.on_tick(bar)
        assert (again is None) == (x is None)
        assert again is None or x is None or again.tolist() == x.tolist()
    restored.reset()
    assert repr(restored) == repr(FeatureVector(VECTOR))


def test_a_vector_knows_what_it_needs() -> None:
    vector = FeatureVector(VECTOR)
    assert (vector.width, vector.needs, vector.takes_bars) == (6, frozenset({Group.BAR}), True)
    assert vector.specs == ("momentum(2, 3)", "range()", "log_return_lags(3)")
    prices = FeatureVector(["momentum(2)", "log_return()"])
    assert (prices.width, prices.needs, prices.takes_bars) == (3, frozenset(), False)


def test_one_feature_of_prices_is_itself() -> None:
    vector, feature = FeatureVector(["log_return_lags(2)"]), make_feature("log_return_lags(2)")
    for price in (90.0, 100.0, 150.0, 110.0):
        x, y = vector.on_price(price), feature.numbers(price)
        assert (x is None) == (y is None)
        assert x is None or y is None or x.tolist() == y.tolist()
    assert pack(vector.state()) == pack(feature.state())
    vector.restore(feature.state())
    vector.reset()
    assert vector.on_price(1.0) is None


@pytest.mark.parametrize(
    ("specs", "words"),
    [
        ([], "list of specs"),
        ("log_return()", "list of specs"),
        (["log_return()", "rsy(3)"], "'rsy' is unknown"),
        (["log_return_lags(2)", "log_return_lags(no_lags=2)"], r"log_return_lags\(2\) stands twice"),
    ],
)
def test_what_is_no_list_of_specs_is_refused(specs: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FeatureVector(specs)


@pytest.mark.parametrize("specs", [["lying()"], ["log_return()", "lying()"]])
def test_another_width_than_said_is_refused(specs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Lying(Feature[Any]):
        """A feature that says one number and gives two."""

        def on_tick(self, val: float) -> Any:
            return [val, val]

    monkeypatch.setitem(FEATURES, "lying", Lying)
    with pytest.raises(UserCodeFailed, match=r"lying\(\) gives numbers of shape \(2,\), and its width is 1"):
        FeatureVector(specs).on_price(1.0)


@pytest.mark.parametrize(
    "result", [1, True, 1.0, Decimal(1), np.float64(1), np.ones(1), [1], (Decimal(1),), torch.ones(1)]
)
def test_any_number_is_float32(result: Any) -> None:
    numbers = as_numbers(result)
    assert (numbers.dtype, numbers.tolist()) == (np.float32, [1.0])
    assert not np.shares_memory(numbers, np.asarray(result))


@pytest.mark.parametrize("result", ["high", ["1.5"], [1.0, None], {}, object(), 1j])
def test_what_is_no_number_is_named(result: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Says(Feature[Any]):
        """A feature that gives something else."""

        def on_tick(self, val: float) -> Any:
            return result

    monkeypatch.setitem(FEATURES, "says", Says)
    with pytest.raises(UserCodeFailed, match=r"^says\(\) gave .*, which is no number and no list of numbers$"):
        FeatureVector(["says()"]).on_price(1.0)


def test_a_state_of_other_features_is_refused() -> None:
    two = FeatureVector(["log_return()", "momentum(2)"])
    with pytest.raises(
        ValueError, match=r"features log_return\(\), momentum\(2, 3\) do not take the states of momentum"
    ):
        two.restore(FeatureVector(VECTOR).state())


MINE = """
from tickline import Feature


class Half(Feature[float]):
    def __init__(self, by: float = 2.0) -> None:
        if by == 0:
            raise ValueError("by must not be 0")
        self._by = by

    def on_tick(self, val):
        return val / self._by


class Logs(Feature[float]):
    def __init__(self) -> None:
        self._log = print

    def on_tick(self, val):
        return None


class Other:
    pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


@pytest.mark.parametrize("name", ["mine.py:Half", "mine:Half"])
def test_a_feature_of_a_users_file(folder: Path, name: str) -> None:
    feature = make_feature(f"{name}(4.0)", folder)
    assert feature.spec == f"{name}(4.0)"
    assert type(feature)(4.0).spec == "mine:Half(4.0)"
    assert feature.numbers(2.0).tolist() == [0.5]  # type: ignore[union-attr]
    vector = FeatureVector(["log_return()", name], folder)
    assert vector.specs == ("log_return()", f"{name}(2.0)")
    vector.reset()
    assert [vector.on_price(price) is None for price in (1.0, 2.0)] == [True, False]
    assert make_feature(f"{name}(1000000.0)", folder).numbers(1.0) is not None  # a user's number may be no window


@pytest.mark.parametrize(
    ("spec", "kind", "words"),
    [
        ("mine.py:Half(0)", UserCodeFailed, r"mine\.py:8, in __init__"),
        ("mine.py:Half(1, 2)", ValueError, "cannot be built"),
        ("mine.py:Other", ValueError, "makes a Other, not a Feature"),
        ("mine.py:Logs", ValueError, r"cannot be built: Logs\._log holds a builtin_function_or_method"),
        ("mine.py:None(1)", ConfigError, "there is no None in it"),
        ("yours.py:Half", ConfigError, "there is no file"),
    ],
)
def test_what_is_no_feature_of_a_users_file_is_refused(
    folder: Path, spec: str, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words) as refused:
        make_feature(spec, folder)
    assert "\n" not in str(refused.value)


def test_a_feature_of_a_cell_stands_for_its_spec_and_is_not_used_up() -> None:
    """A notebook's own class has no file that a spec could name."""

    class Change(Feature[float]):
        def __init__(self, n: int) -> None:
            self._prices = DequeWindow[float](n)

        def on_tick(self, val: float) -> float | None:
            oldest = self._prices.on_tick(val)
            return None if oldest is None else val - oldest

    change = Change(2)
    for price in (1.0, 2.0, 3.0):
        change.on_tick(price)
    vector = FeatureVector([change, "log_return()"])
    found = [vector.on_price(price) for price in (10.0, 11.0, 13.0)]
    assert found[:2] == [None, None]
    assert found[2] is not None
    assert found[2][0] == 3.0
    assert change.on_tick(4.0) == 2.0
    assert vector.specs[1] == "log_return()"
