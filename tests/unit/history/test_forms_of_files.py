"""Files as they come: archives of data.binance.vision, capital letters, semicolons, packed.

The archives' columns: github.com/binance/binance-public-data, README; headers as
newer files of USD-M futures have them.
"""

import gzip
import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from shared.errors import DataError
from shared.history import HistoryBar, bars, infer_interval, is_trades

MS = 1_735_689_600_000  # 2025-01-01T00:00:00Z
KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
TRADES = "id,price,qty,quote_qty,time,is_buyer_maker"
AGG_TRADES = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
ARCHIVES = [
    # name, header, row (i, time), the unit's share of a ms, trades
    ("klines", KLINES, "{t},4.15,4.2,4.1,4.1{i},539.23,{e},2240.39,13,401.82,1669.98,0", False),
    ("trades of futures", TRADES, "{i},4.1{i},12.00000000,48.00,{t},true", True),
    ("trades of spot", "", "{i},4.1{i},5.69000000,101.29224200,{t},True,False", True),
    ("aggTrades of futures", AGG_TRADES, "{i},4.1{i},4.70443515,27781,27782,{t},false", True),
    ("aggTrades of spot", "", "{i},4.1{i},50.00000000,0,0,{t},False,True", True),
]


def archive(header: str, row: str, per_ms: int) -> str:
    times = [(MS + n * 60_000) * per_ms for n in range(5)]
    rows = [row.format(i=n, t=time, e=time + 60_000 * per_ms - 1) for n, time in enumerate(times)]
    return "\n".join(([header] if header else []) + rows) + "\n"


def closes(found: list[HistoryBar]) -> list[tuple[str, str]]:
    return [(datetime.fromtimestamp(bar.ts_event / 1e9, UTC).strftime("%H:%M"), str(bar.close)) for bar in found]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(content: str | bytes, name: str = "bars.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


Write = Callable[..., Path]


@pytest.mark.parametrize("per_ms", [1, 1_000], ids=["ms", "us"])
@pytest.mark.parametrize("headed", [True, False])
@pytest.mark.parametrize(("name", "header", "row", "trades"), ARCHIVES, ids=lambda value: str(value)[:20])
def test_archives_are_read_as_they_are(
    write: Write, name: str, header: str, row: str, trades: bool, headed: bool, per_ms: int
) -> None:
    path = write(archive(header if headed else "", row, per_ms))
    assert is_trades(path) == trades
    # The end of the last bar of trades is not reached: nobody knows whether more of them followed.
    expected = [("00:01", "4.10"), ("00:02", "4.11"), ("00:03", "4.12"), ("00:04", "4.13"), ("00:05", "4.14")]
    assert closes(list(bars(path, "1m"))) == (expected[:-1] if trades else expected)
    if not trades:
        assert infer_interval(path) == "1m"
        assert next(bars(path, "1m")).high == Decimal("4.2")


@pytest.mark.parametrize("skip", [0, 1, 3, 4])
def test_an_archive_goes_on_where_it_was(write: Write, skip: int) -> None:
    for _, header, row, trades in ARCHIVES:
        path = write(archive(header, row, 1))
        whole = list(bars(path, "1m"))
        assert list(bars(path, "1m", skip=skip)) == whole[skip:]
        with pytest.raises(DataError, match="it is another file now"):
            list(bars(path, "1m", skip=len(whole) + (1 if trades else 2)))


def test_trades_make_the_bars_that_the_exchange_makes_of_them(write: Write) -> None:
    path = write(
        "id,price,qty,quote_qty,time,is_buyer_maker\n"
        f"1,9,1,9,{MS - 1},true\n"  # of a minute that was entered in its midst
        f"2,5,1,5,{MS},true\n3,7,1,7,{MS + 1},true\n4,4,1,4,{MS + 1},true\n5,6,1,6,{MS + 59_999},true\n"
        f"6,8,1,8,{MS + 60_000},true\n"  # the first of the next minute
        f"7,1,1,1,{MS + 300_000},true\n"  # three minutes without one
    )
    first, second = bars(path, "1m")
    assert first == HistoryBar(
        (MS + 60_000) * 10**6, *map(Decimal, (5, 7, 4, 6)), row=6,
        volume=Decimal(4), quote_volume=Decimal(22), trades=4, taker_volume=Decimal(0),
    )  # fmt: skip
    assert second == HistoryBar(
        (MS + 120_000) * 10**6, *map(Decimal, (8, 8, 8, 8)), row=7,
        volume=Decimal(1), quote_volume=Decimal(8), trades=1, taker_volume=Decimal(0),
    )  # fmt: skip


def test_trades_that_are_not_in_order_are_refused_but_a_clock_that_steps_back_is_not(write: Write) -> None:
    row = "{},5,1,5,{},true\n"
    path = write(TRADES + "\n" + row.format(1, MS) + row.format(2, MS - 20) + row.format(3, MS + 60_000))
    assert len(list(bars(path, "1m"))) == 1
    path = write(TRADES + "\n" + row.format(1, MS) + row.format(2, MS - 2_000))
    with pytest.raises(DataError, match=r"row 3: time .* is before .* of row 2: sort the trades by time"):
        list(bars(path, "1m"))


def test_trades_without_a_whole_bar_say_so(write: Write) -> None:
    path = write(archive(*ARCHIVES[1][1:3], 1))
    with pytest.raises(DataError, match="no whole bar of 1h: pass a shorter --interval"):
        list(bars(path, "1h"))
    with pytest.raises(DataError, match="has trades, of which bars of any length are made: pass --interval"):
        infer_interval(path)


def test_bars_of_trades_of_a_local_day(write: Write) -> None:
    row = "{},5,1,5,{},true\n"
    hours = [int(datetime(2024, 3, 30, hour, 0, tzinfo=UTC).timestamp()) * 1_000 for hour in (12, 23)]
    later = [int(datetime(2024, 3, 31, hour, 0, tzinfo=UTC).timestamp()) * 1_000 for hour in (21, 22)]
    path = write(TRADES + "\n" + "".join(row.format(n, at) for n, at in enumerate(hours + later)))
    (day,) = bars(path, "1d", timezone="Europe/Berlin")
    assert datetime.fromtimestamp(day.ts_event / 1e9, UTC) == datetime(2024, 3, 31, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "header",
    [
        "Date,Open,High,Low,Close,Adj Close,Volume",
        "timestamp,open,high,low,close,x,volume",
        "Open time,OPEN,HIGH,LOW,CLOSE,x,y",
        "DateTime,open,high,low,close,x,y",
        ",open,high,low,close,x,y",
        "Unnamed: 0,open,high,low,close,x,y",
        "\ufeffDate,Open,High,Low,Close,x,y",
    ],
)
def test_names_of_columns(write: Write, header: str) -> None:
    path = write(f"{header}\r\n2024-10-29,2,5,1,4,4,9\r\n2024-10-30,4,9,4,8.50,8.5,9\r\n")
    assert infer_interval(path) == "1d"
    assert [str(bar.close) for bar in bars(path, "1d")] == ["4", "8.50"]
    assert [bar.low for bar in bars(path, "1d")] == [1, 4]


def test_a_day_and_its_hour_in_two_columns_are_not_taken_for_a_time(write: Write) -> None:
    with pytest.raises(DataError, match="date and time stand in two columns: join them in one, datetime"):
        list(bars(write("Date,Time,Close,Open,High,Low\n2024-10-29,10:00,1,1,1,1\n"), "1h"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Date;Open;High;Low;Close\n2024-10-29;2,5;50000;1;42079,63\n2024-10-30;4;9;4;8,0\n", ["42079.63", "8.0"]),
        ("date;price\n2024-10-29;42079.63\n2024-10-30;8\n", ["42079.63", "8"]),
        ("date\tprice\n2024-10-29\t42079,63\n2024-10-30\t8\n", ["42079.63", "8"]),
        ('date;price\n2024-10-29;"7,5"\n2024-10-30T00:00:00,0;8\n', ["7.5", "8"]),
    ],
)
def test_semicolons_with_decimal_commas(write: Write, content: str, expected: list[str]) -> None:
    assert [str(bar.close) for bar in bars(write(content), "1d")] == expected


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            "2024-10-29;42.079,63\n",
            "row 2: number '42.079,63' has a comma and a point: write it without marks of thousands",
        ),
        ("2024-10-29;7,5\n2024-10-30;42.079\n", "row 3: number '42.079' has a point, but an earlier one has a comma"),
        ("2024-10-29;7.5\n2024-10-30;42,079\n", "row 3: number '42,079' has a comma, but an earlier one has a point"),
        ("2024-10-29;7,5,1\n", "row 2: price '7.5.1' is not a number"),
    ],
)
def test_a_number_that_could_be_another_is_refused(write: Write, rows: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        list(bars(write("date;price\n" + rows), "1d"))
    assert said in str(caught.value)


def test_commas_between_fields_leave_no_decimal_comma(write: Write) -> None:
    with pytest.raises(DataError, match="price '7,5' is not a number"):
        list(bars(write('date,price\n2024-10-29,"7,5"\n'), "1d"))


CSV = "".join(["datetime,price\n", *(f"2024-10-{day},{day}.50\n" for day in range(10, 30))])


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, "zstd", asbytes=True))


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name in names:
            made.writestr(name, "" if name.endswith("/") else CSV)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bars.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("bars.csv.gz", gzip.compress(CSV[:50].encode(), mtime=0) + gzip.compress(CSV[50:].encode(), mtime=0)),
        ("bars.csv.zst", zstd(CSV.encode())),
        ("bars.csv.zst", zstd(CSV[:50].encode()) + zstd(CSV[50:].encode())),
        ("bars.zip", zipped("BTCUSDT-1d.csv")),
        ("bars.zip", zipped("folder/", "folder/bars.csv", "__MACOSX/._bars.csv")),
        ("named-otherwise.csv", gzip.compress(CSV.encode(), mtime=0)),
    ],
)
def test_packed_files(write: Write, name: str, content: bytes) -> None:
    path = write(content, name)
    assert infer_interval(path) == "1d"
    assert list(bars(path, "1d")) == list(bars(write(CSV, "plain.csv"), "1d"))
    assert [bar.row for bar in bars(path, "1d", skip=18)] == [20, 21]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(CSV.encode(), mtime=0)[:-9], "cannot be unpacked"),
        (gzip.compress(CSV.encode(), mtime=0)[:20] + b"x" * 40, "cannot be unpacked"),
        (b"\x1f\x8b", "cannot be unpacked"),
        (zstd(CSV.encode())[:-9], "cannot be unpacked"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 40, "cannot be unpacked"),
        (zipped("a.csv", "b.csv"), "has 2 files in it, which should be one"),
        (zipped(), "has 0 files in it"),
        (zipped("a.csv")[:-30], "cannot be unpacked"),
        (gzip.compress(b"\xff\xfe", mtime=0), "row 1: not UTF-8 text"),
        (gzip.compress(b"", mtime=0), "row 1: no header"),
    ],
)
def test_what_cannot_be_unpacked_is_one_line(write: Write, content: bytes, said: str) -> None:
    path = write(content)
    for read in (lambda: list(bars(path, "1d")), lambda: infer_interval(path)):
        with pytest.raises(DataError) as caught:
            read()
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


def test_parquet_by_another_name_and_with_capital_letters(tmp_path: Path) -> None:
    times = [datetime(2024, 10, day, tzinfo=UTC) for day in (28, 29)]
    table = pa.table(
        {"Timestamp": times, "Open": [1.5, 2.5], "High": [9.0, 9.0], "Low": [1.0, 1.0], "Close": [2.5, 3.5]}
    )
    parquet.write_table(table, tmp_path / "bars.data")
    assert [str(bar.close) for bar in bars(tmp_path / "bars.data", "1d")] == ["2.5", "3.5"]


def test_downloaded_trades_are_trades(tmp_path: Path) -> None:
    times = pa.array([MS, MS + 30_000, MS + 60_000], pa.timestamp("ms", "UTC"))
    columns = {"datetime": times, "price": ["5", "6", "7"], "amount": ["1"] * 3, "side": ["buy"] * 3, "id": list("abc")}
    parquet.write_table(pa.table(columns), tmp_path / "trades.parquet")
    assert is_trades(tmp_path / "trades.parquet")
    assert [str(bar.close) for bar in bars(tmp_path / "trades.parquet", "1m")] == ["6"]
