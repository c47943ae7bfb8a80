"""`tickline data check`: what it says of a user's file, and of a folder that was downloaded."""

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from services.research.download.job import RowsOrigin
from services.research.download.kinds import KINDS, HistoryRow, KindName
from services.research.download.month_file import Coverage, table, write
from tests.e2e.command import Command

HALF_DAY_MS = 43_200_000
GOOD = ["2024-10-29T00:00,1", "2024-10-29T12:00,2", "2024-10-30T00:00,3", "2024-10-31T12:00,2", "2024-11-01T00:00,4"]
SAID = [
    "rows: 5, first 2024-10-29T00:00:00Z, last 2024-11-01T00:00:00Z",
    "interval: 12h, between 75 % of the rows",
    "gap: 2024-10-30T00:00:00Z to 2024-10-31T12:00:00Z: 2 missing",
    "gaps: 1, missing: 2, the largest: 2024-10-30T00:00:00Z to 2024-10-31T12:00:00Z: 2 missing",
    "duplicates: none",
    "unusable rows: none",
]


def csv(rows: list[str]) -> str:
    Path("bars.csv").write_text("\n".join(["datetime,price", *rows]) + "\n")
    return "bars.csv"


def test_a_file_that_can_be_used(command: Command, bars: Path) -> None:
    done = command("data", "check", csv(GOOD))
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == SAID
    done = command("data", "check", bars, "--interval", "12h")
    assert done.code == 0
    assert done.out.splitlines()[1:] == [
        "interval: 12h, between 100 % of the rows", "gaps: none", "duplicates: none", "unusable rows: none",
    ]  # fmt: skip


def test_parquet_is_the_same(command: Command) -> None:
    times, prices = zip(*(row.split(",") for row in GOOD), strict=True)
    parquet.write_table(pa.table({"datetime": times, "price": [float(price) for price in prices]}), "bars.parquet")
    done = command("data", "check", "bars.parquet")
    assert (done.code, done.out.splitlines()) == (0, SAID)
    parquet.write_table(pa.table({"datetime": times, "price": [1.0, None, 3.0, -2.0, 4.0]}), "bars.parquet")
    done = command("data", "check", "bars.parquet", "--interval", "12h")
    assert done.code == 3
    assert "bars.parquet: row 3: price is missing" in done.err
    assert "bars.parquet: row 5: price '-2.0' is not above zero" in done.out


def test_all_that_is_wrong_is_told(command: Command) -> None:
    bad = [*GOOD, "2024-11-01T00:00,4", "2024-11-01T12:00,nan", "2024-10-30T00:00,3", "2024-11-02T00:00,1,1"]
    done = command("data", "check", csv([*bad, "2024-11-02T06:00,5", "2024-11-02T12:00,5", "yesterday,5"]))
    assert done.code == 3
    assert done.out.splitlines()[0] == "rows: 5, first 2024-10-29T00:00:00Z, last 2024-11-02T12:00:00Z"
    assert done.out.splitlines()[-7:] == [
        "duplicates: 1",
        "unusable rows: 7",
        "bars.csv: row 7: time 2024-11-01T00:00:00Z stands in row 6 too: remove one of them",
        "bars.csv: row 8: price 'nan' is not finite: correct or remove the row",
        "bars.csv: row 9: time 2024-10-30T00:00:00Z is before 2024-11-01T00:00:00Z of row 6: sort the file by datetime",
        "bars.csv: row 10: 3 fields, but the header has 2: correct the row",
        "bars.csv: interval 12h, but rows 6 and 11 are 30h apart: "
        "row 11 (2024-11-02T06:00:00Z) does not fit: correct its time or remove it",
    ]
    (line,) = done.err.splitlines()
    assert line.startswith("tickline: bars.csv: row 7: ")
    assert line.endswith("(and 6 more)")


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        (GOOD, ("--interval", "1h"), "interval 1h, but no two rows are less than 12h apart"),
        (GOOD, ("--interval", "1d"), "interval 1d, but rows 2 and 3 are 12h apart: pass --interval 12h"),
        ([row[:-1] + "7" for row in GOOD], (), "all 5 prices are the same (7): there is nothing to trade"),
        ([], (), "bars.csv: no rows"),
        (GOOD[:1], (), "bars.csv: one row is too few"),
        (["x,1"], (), "bars.csv: row 2: time 'x' is unreadable"),
        ([*GOOD, '"2024-11-01T12:00,4'], (), "not CSV"),
    ],
)
def test_what_makes_a_whole_file_unusable(
    command: Command, rows: list[str], options: tuple[str, ...], said: str
) -> None:
    done = command("data", "check", csv(rows), *options)
    assert done.code == 3
    (line,) = done.err.splitlines()
    assert line.startswith("tickline: ")
    assert said in line


def test_what_is_no_file_of_prices(command: Command) -> None:
    done = command("data", "check", "none.csv")
    assert (done.code, done.err) == (3, "tickline: none.csv: there is no such file: check the path\n")
    Path("text.csv").write_bytes(b"\xff\xfe")
    assert "not UTF-8 text" in command("data", "check", "text.csv").err
    Path("empty").mkdir()
    done = command("data", "check", "empty")
    assert done.code == 3
    assert "has no month's file" in done.err
    assert command("data", "check", csv(GOOD), "--interval", "3q").code == 2


def test_a_folder_that_was_downloaded(command: Command) -> None:
    Path("months").mkdir()
    origin, kind = RowsOrigin("binance", "BTC/USDT", KindName.OHLCV, "12h"), KINDS[KindName.OHLCV]
    for month, (first, last) in enumerate(((0, 60), (64, 116)), 1):
        rows = [HistoryRow(n * HALF_DAY_MS, "", ("1", "1", "1", "1", "9", "9", "4", None)) for n in range(first, last)]
        said = Coverage(origin=origin, start_ms=first * HALF_DAY_MS, end_ms=last * HALF_DAY_MS, repeats=month)
        write(Path(f"months/1970-0{month}.parquet"), kind, said, [table(kind, rows)])
    done = command("data", "check", "months")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "binance BTC/USDT ohlcv 12h: 2 months",
        "rows: 112, first 1970-01-01T00:00:00Z, last 1970-02-27T12:00:00Z",
        "gap: 1970-01-30T12:00:00Z to 1970-02-02T00:00:00Z: 4 missing",
        "gaps: 1, missing: 4",
        "duplicates removed: 3",
    ]
