"""What a download's check finds missing."""

import pytest

from services.research.download.check import GAPS_SHOWN, HistoryCheck
from services.research.download.kinds import KINDS, HistoryRow, KindName
from services.research.download.month_file import table
from shared.errors import DataError

HOUR_MS = 3_600_000


def check_of(kind: KindName, rows: list[tuple[int, str]], hours: int, cut: int = 3) -> HistoryCheck:
    """The check of a job of so many hours, fed with rows (time in hours, id) in tables of `cut`."""
    check = HistoryCheck(kind, HOUR_MS if kind is KindName.OHLCV else 0, 0, hours * HOUR_MS)
    values = ("1",) * len(KINDS[kind].columns)
    made = [HistoryRow(at * HOUR_MS, number, values) for at, number in rows]
    for first in range(0, len(made), cut):
        check.add("2024-01.parquet", table(KINDS[kind], made[first : first + cut]))
    return check


def plain(hours: list[int]) -> list[tuple[int, str]]:
    return [(hour, "") for hour in hours]


def missing(check: HistoryCheck) -> list[tuple[int, int, int]]:
    return [(gap.after_ms // HOUR_MS, gap.before_ms // HOUR_MS, gap.missing) for gap in check.gaps()]


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_bars_that_are_missing_before_between_and_behind(cut: int) -> None:
    check = check_of(KindName.OHLCV, plain([2, 3, 6, 7]), 10, cut)
    assert missing(check) == [(0, 2, 2), (3, 6, 2), (7, 10, 2)]
    assert missing(check_of(KindName.OHLCV, plain([*range(10)]), 10, cut)) == []


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_funding_rates_may_change_their_distance(cut: int) -> None:
    changed = [0, 8, 16, 24, 28, 32, 36, 40]
    assert missing(check_of(KindName.FUNDING, plain(changed), 48, cut)) == []
    assert missing(check_of(KindName.FUNDING, plain([0, 8, 16, 40, 48]), 48, cut)) == [(16, 40, 2)]


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_trades_are_missing_where_ids_are_skipped(cut: int) -> None:
    ids = [*range(1, 15), *range(18, 30)]
    check = check_of(KindName.TRADES, [(number // 2, str(number)) for number in ids], 20, cut)
    assert missing(check) == [(7, 9, 3)]
    lines = check.lines(0)
    assert "gaps: 1, missing: 3 (by id)" in lines
    assert "longest silence: 2h, from 1970-01-01T07:00:00Z" in lines


@pytest.mark.parametrize("ids", [["a", "b", "c"], ["3", "2", "1"], ["1", "1", "2"], ["10", "20", "30"]])
def test_ids_that_do_not_count_up_tell_nothing(ids: list[str]) -> None:
    check = check_of(KindName.TRADES, [*enumerate(ids)], 3)
    assert missing(check) == []
    assert "gaps: cannot be told: the ids of these trades do not count up" in check.lines(0)


def test_only_the_first_gaps_are_listed() -> None:
    hours = [*range(0, 2 * GAPS_SHOWN + 4, 2)]
    lines = check_of(KindName.OHLCV, plain(hours), hours[-1] + 1).lines(7)
    assert sum(line.startswith("gap: ") for line in lines) == GAPS_SHOWN
    assert lines[-3:] == [
        "... and 1 more gap",
        f"gaps: {GAPS_SHOWN + 1}, missing: {GAPS_SHOWN + 1}",
        "duplicates removed: 7",
    ]


@pytest.mark.parametrize("hours", [[0, 2, 1], [0, 1, 1]])
@pytest.mark.parametrize("cut", [2, 3])
def test_rows_out_of_order_or_double_are_refused(hours: list[int], cut: int) -> None:
    with pytest.raises(DataError, match=r"2024-01.parquet: 1970-01-01T01:00:00Z is not in order"):
        check_of(KindName.OHLCV, plain(hours), 3, cut)
