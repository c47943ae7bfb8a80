"""Times for a person: the zone's clock, its changes, and what a person types."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.intervals import NS_PER_S
from shared.wall_time import LOCAL_TIME, UTC_TIME, age, iso

HOUR_NS = 3_600 * NS_PER_S
NOON_NS = 1_763_985_600 * NS_PER_S  # 2025-11-24 12:00:00 UTC


@pytest.fixture
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_in_berlin")
class TestBerlin:
    def test_winter_and_summer_have_their_own_zone(self) -> None:
        july_ns = 1_752_926_400 * NS_PER_S  # 2025-07-19 12:00:00 UTC
        assert LOCAL_TIME.second(NOON_NS) == "2025-11-24 13:00:00 CET"
        assert LOCAL_TIME.second(july_ns) == "2025-07-19 14:00:00 CEST"
        assert LOCAL_TIME.zone(NOON_NS) == "CET"

    def test_the_day_begins_at_the_wall_s_midnight_also_where_the_clocks_change(self) -> None:
        late_ns = UTC_TIME.read("2025-10-26T22:30:00Z", NOON_NS)  # the day of 25 hours, 23:30 in Berlin
        assert LOCAL_TIME.midnight_ns(late_ns) == UTC_TIME.read("2025-10-25T22:00:00Z", NOON_NS)
        assert LOCAL_TIME.midnight_ns(late_ns + HOUR_NS) == UTC_TIME.read("2025-10-26T23:00:00Z", NOON_NS)
        assert UTC_TIME.midnight_ns(late_ns) == UTC_TIME.read("2025-10-26", NOON_NS)

    def test_what_is_typed_is_on_the_wall_s_clock_unless_it_has_an_offset(self) -> None:
        assert LOCAL_TIME.read("2025-11-24T13:00", 0) == NOON_NS
        assert LOCAL_TIME.read("2025-11-24T12:00:00Z", 0) == NOON_NS
        assert LOCAL_TIME.read("2025-11-24 14:00+02:00", 0) == NOON_NS
        assert LOCAL_TIME.read("2025-11-24", 0) == NOON_NS - 13 * HOUR_NS
        assert LOCAL_TIME.read("13:00", NOON_NS) == NOON_NS
        assert LOCAL_TIME.read("13:01", NOON_NS) == NOON_NS + 60 * NS_PER_S - 24 * HOUR_NS

    @given(st.integers(0, 4_000_000_000_000))
    def test_what_it_writes_it_reads(self, ms: int) -> None:
        text = LOCAL_TIME.second(ms * 1_000_000)
        at_s = ms // 1_000
        wall = text.rpartition(" ")[0]
        assert LOCAL_TIME.read(wall, 0) // NS_PER_S in (at_s, at_s - 3_600)  # an hour that was twice: the first


def test_a_time_of_day_is_the_last_one_that_was() -> None:
    assert UTC_TIME.read("12:00:05", NOON_NS) == NOON_NS + 5 * NS_PER_S  # another machine's clock is a little ahead
    assert UTC_TIME.read("12:00:30", NOON_NS) == NOON_NS + 30 * NS_PER_S - 24 * HOUR_NS
    assert UTC_TIME.read("9:05", NOON_NS) == NOON_NS - 2 * HOUR_NS - 55 * 60 * NS_PER_S


def test_a_length_is_so_long_ago_and_a_message_s_own_time_is_itself() -> None:
    assert UTC_TIME.read("90m", NOON_NS) == NOON_NS - 90 * 60 * NS_PER_S
    assert UTC_TIME.read(str(NOON_NS + 1), NOON_NS) == NOON_NS + 1
    assert UTC_TIME.read("2025-11-24T12:00:00.000250Z", NOON_NS) == NOON_NS + 250_000


@pytest.mark.parametrize("text", ["", "noon", "25:00", "12:60", "2h30", "2025-13-01", "1e9", "12", "::", "h", "²²:00"])
def test_what_is_no_time_is_said_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time: write e\.g\. 12:00"):
        UTC_TIME.read(text, NOON_NS)


@given(st.integers(0, 10**18))
def test_an_age_is_short(ns: int) -> None:
    number, unit = age(ns).split()
    assert unit in ("s", "min", "h", "d")
    assert float(number) < 120 or unit == "d"


def test_json_s_times_are_utc() -> None:
    assert iso(NOON_NS) == "2025-11-24T12:00:00Z"
    assert iso(NOON_NS + 1) == "2025-11-24T12:00:00.000000001Z"
