"""The memory of an object: what its attributes hold comes back, and what cannot come back is refused by name."""

from collections import deque
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from shared.attributes import restored_attributes, saved_attributes
from shared.features.log_return import LogReturn
from shared.messages.codec import pack, unpack
from shared.tick import Tick
from shared.windows import DequeWindow

PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.floats().map(Decimal)
)
ARRAYS = arrays.arrays(
    st.sampled_from([np.float64, np.float32, np.int64, np.bool_]),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0),
    elements=st.just(1) | st.just(0),
)
KEYS = st.integers() | st.text() | st.tuples(st.text(), st.integers())
VALUES = st.recursive(
    PLAIN | ARRAYS | st.floats(width=32, allow_nan=False).map(np.float32),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.builds(deque, st.lists(inner, max_size=4), st.none() | st.integers(4, 9))
    ),
    max_leaves=8,
)


def shown(value: Any) -> str:
    """A text so that equal text means equal types, order and bits."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{value.flags.c_contiguous}{value.tobytes()!r}"
    if isinstance(value, np.generic):
        return f"{value.dtype} {value!r}"
    if isinstance(value, dict):
        return f"dict {[(shown(key), shown(each)) for key, each in value.items()]}"
    if isinstance(value, list | tuple | deque):
        return f"{type(value)} {getattr(value, 'maxlen', '')} {[shown(each) for each in value]}"
    return f"{type(value)} {value!r}"


@given(st.dictionaries(st.text(min_size=1, max_size=9), VALUES, max_size=4))
def test_what_is_saved_comes_back_over_the_wire(attributes: dict[str, Any]) -> None:
    saved = unpack(pack(saved_attributes("Thing", attributes)))
    restored = restored_attributes("Thing", {}, saved)
    assert shown(restored) == shown(attributes)
    assert pack(saved_attributes("Thing", restored)) == pack(saved_attributes("Thing", attributes))


def test_a_restored_value_is_no_part_of_the_saved_one() -> None:
    saved = saved_attributes("Thing", {"prices": [1.0], "sums": np.zeros(2)})
    restored = restored_attributes("Thing", {}, saved)
    restored["prices"].append(2.0)
    restored["sums"][0] = 1
    assert shown(restored_attributes("Thing", {}, saved)) == shown({"prices": [1.0], "sums": np.zeros(2)})


def test_sums_of_a_restored_array_are_the_same_to_the_bit() -> None:
    array = np.asfortranarray(np.random.default_rng(1).normal(size=(37, 41)))
    restored = restored_attributes("Thing", {}, saved_attributes("Thing", {"a": array}))["a"]
    assert restored.sum() == array.sum()
    assert restored.flags.f_contiguous


class Everything:
    """An object that remembers in every way there is."""

    def __init__(self) -> None:
        self.recent: deque[float] = deque(maxlen=3)
        self.sums = np.zeros((2, 3), order="F")
        self.best: tuple[str, float] | None = None
        self.by_digit: dict[tuple[int, bool], list[Any]] = {}
        self.ticks = [Count(), DequeWindow[tuple[int, Decimal]](2)]
        self.last = np.float32(0)
        self.factorial = 1
        self.money = Decimal(0)

    def see(self, number: int) -> str:
        self.recent.append(number / 7)
        self.sums[:, number % 3] += np.float64(number) / 3
        self.best = max(self.best or ("", -1.0), (str(number), float(self.sums.sum())), key=lambda pair: pair[1])
        self.by_digit.setdefault((number % 10, number > 5), []).append(self.last)
        self.last = np.float32(self.last * np.float32(1.1) + number)
        self.factorial *= number + 1
        self.money += Decimal(number / 1e9)
        dropped = self.ticks[1].on_tick((number, self.money))  # type: ignore[arg-type]
        total = self.ticks[0].on_tick(number)  # type: ignore[arg-type]
        return f"{dropped} {total} {[shown(value) for name, value in vars(self).items() if name != 'ticks']}"


@given(st.lists(st.integers(0, 99), max_size=25), st.integers(0, 25))
def test_a_restored_object_goes_on_as_one_never_stopped(numbers: list[int], cut: int) -> None:
    never_stopped, used = Everything(), Everything()
    for number in numbers[:cut]:
        never_stopped.see(number)
    saved = pack(saved_attributes("Everything", vars(never_stopped)))
    vars(used).update(restored_attributes("Everything", vars(used), unpack(saved)))
    assert pack(saved_attributes("Everything", vars(used))) == saved
    for number in numbers[cut:]:
        assert used.see(number) == never_stopped.see(number)


class Count(Tick[int, int]):
    """A Tick without a state of its own."""

    def __init__(self) -> None:
        self.total = 0

    def on_tick(self, val: int) -> int:
        self.total += val
        return self.total


def test_ticks_are_restored_in_place_wherever_they_stand() -> None:
    used: dict[str, Any] = {"one": Count(), "more": [DequeWindow[int](2), Count()], "by": {"x": (LogReturn(),)}}
    used["one"].on_tick(3)
    used["more"][0].on_tick(1)
    used["more"][1].on_tick(4)
    used["by"]["x"][0].on_tick(100.0)
    new: dict[str, Any] = {"one": Count(), "more": [DequeWindow[int](2), Count()], "by": {"x": (LogReturn(),)}}
    restored = restored_attributes("Thing", new, unpack(pack(saved_attributes("Thing", used))))
    assert restored["one"] is new["one"]
    assert (restored["one"].total, restored["more"][1].total) == (3, 4)
    assert restored["more"][0].values() == [1]
    assert restored["by"]["x"][0].on_tick(200.0) == used["by"]["x"][0].on_tick(200.0)


class Side(StrEnum):
    BUY = "buy"


class Pair(NamedTuple):
    a: int


STRIDED = np.zeros(4)[::2]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (print, r"^Thing\.log holds a builtin_function_or_method: an attribute may hold"),
        ([{"a": {1, 2}}], r"^Thing\.log holds a set"),
        (Side.BUY, r"^Thing\.log holds a Side"),
        ((Pair(1),), r"^Thing\.log holds a Pair"),
        (np.array([None]), r"^Thing\.log holds an array of dtype object"),
        (STRIDED, r"^Thing\.log holds an array with steps"),
    ],
)
def test_what_cannot_come_back_is_refused_by_its_name(value: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        saved_attributes("Thing", {"first": 1, "log": value})


def test_what_would_come_back_apart_is_refused_by_its_name() -> None:
    values = [1.0]
    with pytest.raises(TypeError, match=r"Thing\.b holds the same list as a"):
        saved_attributes("Thing", {"a": values, "b": (values,)})
    itself: list[Any] = []
    itself.append(itself)
    with pytest.raises(TypeError, match=r"Thing\.a holds the same list as a"):
        saved_attributes("Thing", {"a": itself})
    whole = np.zeros(4)
    with pytest.raises(TypeError, match=r"Thing\.a and b: two arrays share memory"):
        saved_attributes("Thing", {"a": whole, "b": whole[1:]})
    number = 10**30
    assert saved_attributes("Thing", {"a": number, "b": number})


TAGS = st.sampled_from(
    [
        "tuple",
        "deque",
        "maxlen",
        "dict",
        "array",
        "dtype",
        "shape",
        "order",
        "scalar",
        "int",
        "decimal",
        "tick",
        "memory",
    ]
)


@given(VALUES | st.recursive(PLAIN, lambda inner: st.dictionaries(TAGS, inner | st.lists(inner), max_size=4)))
def test_any_other_saved_form_gives_a_value_or_a_value_error(saved: Any) -> None:
    try:
        restored_attributes("Thing", {"a": None}, {"a": saved})
    except ValueError:
        return


@pytest.mark.parametrize(
    ("new", "saved", "words"),
    [
        ({"a": 1}, [], r"Thing restores a map of its attributes"),
        ({"a": 1, "b": 2}, {"a": 1}, r"Thing: the saved state lacks b"),
        ({"a": deque(maxlen=3)}, {"a": {"deque": [], "maxlen": 2}}, r"Thing\.a has a maxlen of 3, the saved one 2"),
        ({"a": None}, {"a": {"tick": None}}, r"Thing\.a holds a Tick that a new object has not"),
        ({"a": None}, {"a": {"what": 1}}, r"Thing\.a: .* is no saved value"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(new: dict[str, Any], saved: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        restored_attributes("Thing", new, saved)


def test_decimals_stay_as_they_were_written() -> None:
    saved = unpack(pack(saved_attributes("Thing", {"a": Decimal("1.10")})))
    assert str(restored_attributes("Thing", {}, saved)["a"]) == "1.10"
