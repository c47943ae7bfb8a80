"""Options of several values."""

from decimal import Decimal

import pytest

from services.console.lists import decimals, floats, integers, words
from shared.errors import ConfigError


def test_values_between_commas() -> None:
    assert words("--sizing", "constant, compounding", "") == ("constant", "compounding")
    assert integers("--lags", "1, 3,5") == (1, 3, 5)
    assert floats("--threshold", "0,1e-3") == (0.0, 0.001)
    assert [str(value) for value in decimals("--leverage", "1.50, 2")] == [str(Decimal("1.50")), "2"]


@pytest.mark.parametrize("text", ["", " ", "1,,2", "1;2", "1,x"])
def test_what_is_no_list_of_numbers_names_the_option(text: str) -> None:
    for kind in (integers, floats, decimals):
        with pytest.raises(ConfigError, match=rf"^--some '{text}': write .*, e\.g\. "):
            kind("--some", text)


@pytest.mark.parametrize("text", ["", "a,,b", "a, "])
def test_a_value_must_be_there(text: str) -> None:
    with pytest.raises(ConfigError, match=rf"^--some '{text}': write values .*, e\.g\. a,b"):
        words("--some", text, "a,b")
