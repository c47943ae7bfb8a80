"""Specs: a text, a feature, and the same text again."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.features.feature import Feature
from shared.features.registry import FEATURES, MAX_ARGUMENT, make_feature
from shared.features.spec import parsed

ARGUMENTS = (
    st.integers(-MAX_ARGUMENT, MAX_ARGUMENT)
    | st.floats(-MAX_ARGUMENT, MAX_ARGUMENT)
    | st.text(max_size=20)
    | st.booleans()
    | st.none()
)


class Anything(Feature[float]):
    """A feature with every kind of parameter."""

    def __init__(self, first: Any, second: Any = 2.5, *rest: Any, named: Any = "x", **more: Any) -> None:
        self._all = (first, second, rest, named, more)

    def on_tick(self, val: float) -> float | None:
        return val


class Hidden(Feature[float]):
    """A feature whose default no spec can hold."""

    def __init__(self, first: int, table: Any = (1, 2), last: float = 1.0) -> None:
        self._last = (first, table, last)

    def on_tick(self, val: float) -> float | None:
        return val


class Plain(Feature[float]):
    """A feature without a constructor."""

    def on_tick(self, val: float) -> float | None:
        return val


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, kind in {"anything": Anything, "hidden": Hidden, "plain": Plain}.items():
        monkeypatch.setitem(FEATURES, name, kind)


def shown(feature: Any) -> str:
    return f"{type(feature)} {feature.made_of.arguments} {feature!r}"


NAMES = st.sampled_from(["a", "b", "c"])


@given(st.lists(ARGUMENTS, min_size=1, max_size=5), st.dictionaries(NAMES, ARGUMENTS, max_size=2))
def test_arguments_to_spec_to_feature_to_spec(args: list[Any], kwargs: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FEATURES, "anything", Anything)
        made = Anything(*args, **kwargs)
        spec = made.spec.replace(f"{__name__}:Anything", "anything")
        if len(spec) > 400:
            return
        again = make_feature(spec)
    assert again.spec == spec
    assert shown(again) == shown(made)


@pytest.mark.parametrize(
    ("spec", "canonical"),
    [
        ("log_return_lags(3)", "log_return_lags(3)"),
        (" log_return_lags( no_lags = 3 ) ", "log_return_lags(3)"),
        ("log_return", "log_return()"),
        ("plain()", "plain()"),
        ("anything(1)", "anything(1, 2.5, named='x')"),
        ("anything('a, b)', -1e-3, True, None, named=\"it's\", more=2)", "anything('a, b)', -0.001, True, None, "
         "named=\"it's\", more=2)"),
        ("hidden(1)", "hidden(1, last=1.0)"),
    ],
)  # fmt: skip
def test_a_spec_has_one_way_to_be_written(spec: str, canonical: str) -> None:
    feature = make_feature(spec)
    assert feature.spec == canonical
    assert shown(make_feature(canonical)) == shown(feature)
    feature.reset()
    assert feature.spec == canonical


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ("", "not written as"),
        ("log_return_lags(3", "not written as"),
        ("log_return_lags(3))", "not written as"),
        ("log_return_lags(3)(4)", "not written as"),
        ("log_return_lags(1 + 2)", "not written as"),
        ("log_return_lags([3])", "not written as"),
        ("log_return_lags(*(3,))", "not written as"),
        ("log_return_lags(**{'a': 3})", "not written as"),
        ("log_return_lags(n)", "not written as"),
        ("log_return_lags(__import__('os').getpid())", "not written as"),
        ("log_return_lags('\\d')", "not written as"),
        ("log_return_lags(1, no_lags=1, no_lags=2)", "not written as"),
        ("log_return_lags(" + "(" * 300 + ")", "not written as"),
        ("f(" + "1, " * 200 + ")", "not written as"),
        ("os.system(3)", r"unknown; there are: .*log_return_lags, "),
        ("log_return_lags(0)", "positive"),
        ("log_return_lags(-3)", "positive"),
        ("log_return_lags()", "cannot be built: .*no_lags"),
        ("log_return_lags(1, 2)", "cannot be built"),
        ("log_return(2)", "takes 1 positional argument|takes no arguments"),
        ("plain(2)", r"Plain\(\) takes no arguments"),
        ("log_return_lags(99999999999)", "more than"),
        ("anything(1e400)", "finite"),
    ],
)
def test_a_bad_spec_is_refused_in_one_line(spec: str, word: str) -> None:
    with pytest.raises(ValueError, match=word) as refused:
        make_feature(spec)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=40) | st.from_regex(r"[a-z]{1,3}\(.{0,20}\)", fullmatch=True))
def test_any_text_is_a_call_or_a_value_error(spec: str) -> None:
    try:
        call = parsed(spec)
    except ValueError:
        return
    assert call.name


@pytest.mark.parametrize("argument", [[1], object(), len])
def test_an_argument_that_no_text_can_hold_is_named(argument: Any) -> None:
    feature = Anything(1, argument)
    for use in (lambda: feature.spec, feature.reset, feature.state):
        with pytest.raises(TypeError, match=r"Anything\(second=…\) is a .*: only numbers and texts"):
            use()


def test_numbers_of_numpy_are_written_as_numbers() -> None:
    assert Anything(np.int64(3), np.float64(0.5)).spec == f"{__name__}:Anything(3, 0.5, named='x')"


def test_the_library_beside_models_needs_no_torch() -> None:
    code = (
        "import sys, shared.windows, shared.features.registry, shared.account, shared.strategies, shared.models;"
        "f = shared.features.registry.make_feature('log_return_lags(2)');"
        "assert [f.numbers(p) for p in (1.0, 2.0, 3.0)][-1].shape == (2,);"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
