"""Strategies by name, their parameters checked."""

from decimal import Decimal

import pytest

from shared.strategies import BasicTaker, Threshold, make_decider


def test_by_name_with_parameters() -> None:
    assert make_decider("basic_taker", {}) == BasicTaker(leverage=Decimal(1), netting=False)
    given = {"leverage": "0.5", "netting": True, "sizing": "fraction", "fraction": 0.25}
    assert make_decider("basic_taker", given).model_dump() == {
        "leverage": Decimal("0.5"),
        "netting": True,
        "sizing": "fraction",
        "fraction": Decimal("0.25"),
    }
    assert make_decider("threshold", {"threshold": 0.001, "leverage": 2}) == Threshold(
        threshold=0.001, leverage=Decimal(2)
    )


def test_a_float_becomes_the_decimal_that_a_person_reads() -> None:
    assert make_decider("basic_taker", {"leverage": 0.1}).model_dump()["leverage"] == Decimal("0.1")


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("basic", {}, r"strategy 'basic' is unknown; there are: basic_taker, threshold"),
        ("basic_taker", {"leverag": 2}, r"'leverag'.*it has: leverage, netting"),
        ("basic_taker", {"leverage": 0}, r"'leverage'.*greater than 0"),
        ("basic_taker", {"leverage": "NaN"}, r"'leverage'.*finite"),
        ("basic_taker", {"netting": "perhaps"}, r"'netting'"),
        ("basic_taker", {"sizing": "half"}, r"'sizing'.*constant"),
        ("basic_taker", {"sizing": "fraction", "fraction": 1.5}, r"'fraction'.*less than or equal to 1"),
        ("basic_taker", {"sizing": "constant", "fraction": 0.5}, r"basic_taker: .*fraction 0.5 has no effect"),
        ("threshold", {}, r"'threshold'.*required"),
        ("threshold", {"threshold": -1}, r"'threshold'.*greater than or equal to 0"),
        ("threshold", {"threshold": float("nan")}, r"'threshold'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(name: str, params: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        make_decider(name, params)
    assert "\n" not in str(refused.value)
