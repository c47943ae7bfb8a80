"""Features by their spec."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.features import make_feature
from shared.features.registry import FEATURES

SPECS = ["log_return_lags(1)", "log_return_lags(3)"]


@pytest.mark.parametrize("spec", SPECS)
def test_spec_and_object_round_trip(spec: str) -> None:
    feature = make_feature(spec)
    assert feature.spec == spec
    assert repr(make_feature(feature.spec)) == repr(feature)
    x = None
    while x is None:
        x = feature.on_tick(100.0)
    assert x.shape == (feature.width,)


def test_every_feature_is_tried_here() -> None:
    assert {spec.partition("(")[0] for spec in SPECS} == set(FEATURES)


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ("", "not written as"),
        ("log_return_lags", "not written as"),
        ("log_return_lags(3", "not written as"),
        ("log_return_lags(-3)", "not written as"),
        ("os.system(3)", "not written as"),
        ("rsi(14)", "unknown; there are: log_return_lags"),
        ("log_return_lags(0)", "positive"),
        ("log_return_lags()", "cannot be built"),
        ("log_return_lags(1, 2)", "cannot be built"),
        ("log_return_lags(99999999999)", "more than"),
    ],
)
def test_a_bad_spec_is_refused(spec: str, word: str) -> None:
    with pytest.raises(ValueError, match=word) as refused:
        make_feature(spec)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=40))
def test_any_text_gives_a_feature_or_a_value_error(spec: str) -> None:
    try:
        make_feature(spec)
    except ValueError:
        return
    assert spec.startswith("log_return_lags(")


def test_the_library_beside_models_needs_no_torch() -> None:
    code = (
        "import sys, shared.windows, shared.features, shared.account, shared.strategies, shared.models;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
