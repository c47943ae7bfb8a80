"""The interval is what most rows are apart, and a row that does not fit is named with what to do about it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from services.research.file_check import check_file
from shared.errors import DataError
from shared.history import HistoryBar, bars, infer_interval

START = datetime(2024, 3, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
Write = Callable[[list[str]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(times: list[str]) -> Path:
        path = tmp_path / "bars.csv"
        path.write_text("datetime,price\n" + "".join(f"{time},{100 + n % 7}\n" for n, time in enumerate(times)))
        return path

    return written


def days(count: int) -> list[str]:
    return [(START + timedelta(days=n)).isoformat(sep=" ") for n in range(count)]


def local_days(count: int) -> list[str]:
    """As a person in Berlin exports them: local midnights with the offset of each."""
    first = datetime(2024, 3, 1)
    return [(first + timedelta(days=n)).replace(tzinfo=BERLIN).isoformat() for n in range(count)]


def refusal(path: Path, interval: str, timezone: str = "") -> str:
    with pytest.raises(DataError) as caught:
        list(bars(path, interval, timezone=timezone))
    line = str(caught.value)
    assert "\n" not in line
    return line.removeprefix(f"{path}: ")


def ends(path: Path, interval: str, timezone: str) -> list[datetime]:
    return [datetime.fromtimestamp(bar.ts_event / 1e9, BERLIN) for bar in bars(path, interval, timezone=timezone)]


def silent(what: str, rows: int) -> None:
    return None


@pytest.mark.parametrize("late", ["2024-06-08 15:37:00", "2024-06-11 15:37:00", "2024-06-08 16:00"])
def test_a_last_row_stamped_now_is_named_and_does_not_set_the_interval(write: Write, late: str) -> None:
    path = write([*days(100), late])
    assert infer_interval(path) == "1d"
    line = refusal(path, "1d")
    assert line.startswith("interval 1d, but rows 101 and 102 are ")
    assert line.endswith("does not fit: correct its time or remove it")
    checked = check_file(path, None, silent)
    assert checked.fault is not None
    assert checked.fault.removeprefix(f"{path}: ") == line


def test_a_first_row_that_does_not_fit(write: Write) -> None:
    path = write(["2024-02-28 15:37:00", *days(100)])
    assert infer_interval(path) == "1d"
    assert refusal(path, "1d").startswith("interval 1d, but rows 2 and 3 are 1943m apart: correct the times")


def test_a_row_in_the_midst_counts_once_each_way(write: Write) -> None:
    path = write([*days(50), "2024-04-19 15:37:00", *days(100)[50:]])
    assert infer_interval(path) == "1d"
    assert refusal(path, "1d").startswith("interval 1d, but rows 51 and 52 are 937m apart: row 52")
    fault = check_file(path, None, silent).fault
    assert fault is not None
    assert fault.endswith("(and 1 more)")


def test_a_shorter_interval_than_most_rows_have_is_refused_though_two_rows_are_so_close(write: Write) -> None:
    # With 12h the closes of all the days would be known half a day before they were.
    path = write([*days(100), "2024-06-08 12:00:00"])
    assert refusal(path, "12h") == (
        "interval 12h, but most rows are 1d apart (not rows 101 and 102): pass --interval 1d"
    )
    assert refusal(path, "1h").endswith("no two rows are less than 12h apart (rows 101 and 102): pass --interval 1d")


@pytest.mark.parametrize("interval", ["7h", "16h", "2d"])
def test_an_interval_that_is_not_the_files_is_answered_with_the_files(write: Write, interval: str) -> None:
    assert refusal(write(days(100)), interval).endswith("apart: pass --interval 1d")


def test_months_have_no_one_length(write: Write) -> None:
    path = write([f"2024-{month:02d}-01" for month in range(1, 13)])
    assert refusal(path, infer_interval(path)).endswith("apart: these are months, of no one length: use bars of days")


def test_rows_at_any_times_get_no_interval_of_one_of_them(write: Write) -> None:
    path = write([(START + timedelta(seconds=n * n)).isoformat() for n in range(1, 60)])
    assert refusal(path, infer_interval(path)).endswith("does not fit: correct its time or remove it")


def test_holes_of_whole_intervals_are_no_misfits(write: Write) -> None:
    path = write(days(100)[:10] + days(100)[12:60] + days(100)[90:])
    assert infer_interval(path) == "1d"
    assert len(list(bars(path, "1d"))) == 68


def test_a_file_of_newest_rows_first_says_so(write: Write) -> None:
    with pytest.raises(DataError, match=r"row 3: time .* is before .* of row 2: sort the file by datetime"):
        infer_interval(write(days(5)[::-1]))


def test_local_days_are_recognised_and_named(write: Write) -> None:
    path = write(local_days(300))
    assert infer_interval(path) == "1d"
    said = (
        "interval 1d, but rows 32 and 33 are 23h apart: these are local days over a change of the clocks: "
        "pass --timezone, e.g. Europe/Berlin"
    )
    assert refusal(path, "1d") == said
    fault = check_file(path, None, silent).fault
    assert fault is not None
    assert fault.removeprefix(f"{path}: ") == f"{said} (and 1 more)"  # the other is in October


def test_a_day_of_25_hours_is_no_hole(write: Write) -> None:
    path = write(local_days(300)[200:])
    assert "are 25h apart: these are local days" in refusal(path, "1d")


@pytest.mark.parametrize("form", ["offset", "none", "utc", "epoch"])
def test_with_the_timezone_one_local_day_is_one_bar_that_ends_at_midnight(write: Write, form: str) -> None:
    first = datetime(2024, 3, 1)
    starts = [(first + timedelta(days=n)).replace(tzinfo=BERLIN) for n in range(300)]
    written = {
        "offset": [start.isoformat() for start in starts],
        "none": [start.replace(tzinfo=None).isoformat() for start in starts],
        "utc": [start.astimezone(UTC).isoformat() for start in starts],
        "epoch": [str(int(start.timestamp())) for start in starts],
    }
    path = write(written[form])
    assert infer_interval(path, "Europe/Berlin") == "1d"
    found = ends(path, "1d", "Europe/Berlin")
    assert found == [(first + timedelta(days=n)).replace(tzinfo=BERLIN) for n in range(1, 301)]
    assert {end.hour for end in found} == {0}
    checked = check_file(path, None, silent, "Europe/Berlin")
    assert checked.fault is None
    assert "gaps: none" in checked.lines
    assert "interval: 1d, between 100 % of the rows" in checked.lines


def test_the_wrong_timezone_is_named(write: Write) -> None:
    line = refusal(write(local_days(300)), "1d", "America/New_York")  # whose clocks change three weeks before
    assert (
        "rows 11 and 12 are 25h apart: these are no days of America/New_York: pass the --timezone whose days they are"
        in line
    )


def test_a_day_whose_midnight_the_clocks_jump(write: Write) -> None:
    santiago = ZoneInfo("America/Santiago")  # 2024-09-08 begins at 01:00
    path = write([f"2024-09-{day:02d}" for day in range(5, 12)])
    found = list(bars(path, "1d", timezone="America/Santiago"))
    hours = [(after.ts_event - before.ts_event) // 3_600_000_000_000 for before, after in pairwise(found)]
    assert hours == [24, 24, 23, 24, 24, 24]
    assert datetime.fromtimestamp(found[2].ts_event / 1e9, santiago).isoformat() == "2024-09-08T01:00:00-03:00"


def test_half_days_over_a_change_of_the_clocks_get_no_interval_of_11_hours(write: Write) -> None:
    first = datetime(2024, 3, 20)
    path = write([(first + timedelta(hours=12 * n)).replace(tzinfo=BERLIN).isoformat() for n in range(60)])
    assert "11h apart: where the clocks change, or a row does not fit: write times in UTC" in refusal(path, "12h")


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("2024-03-31T02:30", "never was in Europe/Berlin, where the clocks jump it"),
        ("2024-10-27T02:30", "was twice in Europe/Berlin, where the clocks go back: write it with its offset"),
    ],
)
def test_a_local_time_that_was_never_or_twice(write: Write, time: str, said: str) -> None:
    assert said in refusal(write([time]), "1h", "Europe/Berlin")


def test_hours_of_a_timezone_are_as_long_as_others(write: Write) -> None:
    path = write(["2024-07-01T00:00", "2024-07-01T01:00"])
    first: HistoryBar = next(bars(path, "1h", timezone="Europe/Berlin"))
    assert datetime.fromtimestamp(first.ts_event / 1e9, UTC).isoformat() == "2024-06-30T23:00:00+00:00"


def test_a_timezone_that_is_none_is_a_value_error(write: Write) -> None:
    with pytest.raises(ValueError, match="time zone 'Europe/Berln' is unknown: write its IANA name"):
        bars(write(days(3)), "1d", timezone="Europe/Berln")
