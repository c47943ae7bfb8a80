"""Intervals and errors: small things that every service leans on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BusUnreachable, ConfigError, DataError, SafetyRefusal, TicklineError
from shared.intervals import NS_PER_S, interval_ns, interval_text


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("1m", 60), ("5m", 300), ("1h", 3_600), ("12h", 43_200), ("1d", 86_400)]
)
def test_an_interval_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert interval_ns(text) == seconds * NS_PER_S


@pytest.mark.parametrize(
    "text", ["", "trade", "h", "12", "0s", "-1h", "1.5h", " 1h", "1h ", "1H", "1M", "01h", "１h", "1h\n"]
)
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write a number and s, m, h or d"):
        interval_ns(text)


def test_an_interval_is_at_most_a_year() -> None:
    with pytest.raises(ValueError, match="longer than a year"):
        interval_ns("367d")


@given(st.integers(1, 366 * 86_400))
def test_the_text_of_whole_seconds_is_read_back(seconds: int) -> None:
    assert interval_ns(interval_text(seconds * NS_PER_S)) == seconds * NS_PER_S


@given(st.integers(1, 10**15))
def test_the_text_of_any_span_keeps_every_nanosecond(ns: int) -> None:
    text = interval_text(ns)
    if "." in text:
        whole, fraction = text.removesuffix("s").split(".")
        assert int(whole) * NS_PER_S + int(fraction.ljust(9, "0")) == ns
    else:
        assert interval_ns(text) == ns


@pytest.mark.parametrize(("kind", "code"), [(ConfigError, 2), (DataError, 3), (BusUnreachable, 4), (SafetyRefusal, 5)])
def test_each_error_has_its_exit_code_and_one_line(kind: type[TicklineError], code: int) -> None:
    error = kind("what\nwhere\r\nwhat \x1bto do")
    assert (error.exit_code, str(error)) == (code, "what where what ?to do")
