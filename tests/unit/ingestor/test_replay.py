"""Replay: what a file gives, where it goes on, and one clear line for every defect."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from services.ingestor.replay import FileSpan, ReplaySource
from services.ingestor.source import Quote
from services.ingestor.stage import IngestStage
from shared.config import Settings
from shared.errors import ConfigError, DataError
from shared.history.times import text_time, time_text
from shared.intervals import NS_PER_S
from shared.messages import Gap, GapCause, MarketTick, Message, Stream
from shared.messages.market import BarGroup, FundingGroup, Group, QuoteGroup
from shared.record import WIRE
from shared.recording.checkpoint import Checkpoint, kept_settings, write_checkpoint
from shared.recording.folder import RecordingFolder
from shared.recording.layout import RecordingOrigin, claim
from shared.recording.part import ReceivedEntry
from tests.altered_recording import Row, alter, the_row
from tests.examples import examples
from tests.unit.recording.entries import FIRST_DAY_MS, PLACE, raw, taken
from tests.unit.runner.fakes import entry, tick

DATA_DIR = Path(os.environ.get("TICKLINE_DATA_DIR") or Path(__file__).parents[4] / "shared" / "data")
REAL = DATA_DIR / "BTCUSDT_12h_ohlc.csv"
HOUR_NS = 3_600 * NS_PER_S
START_NS = 1_730_160_000 * NS_PER_S  # 2024-10-29T00:00:00Z
OK = "datetime,price\n2024-10-29T00:00,1.5\n2024-10-29T01:00,2.50\n2024-10-29T02:00,3\n"

Writer = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    def written(content: str | bytes) -> Path:
        path = tmp_path / "bars.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def source(path: Path, interval: str = "1h") -> ReplaySource:
    return ReplaySource({"X": path}, interval)


def all_quotes(path: Path, interval: str = "1h", position: int = 0, piece: int = 1_000) -> list[Quote]:
    feed = source(path, interval).open("X", position)
    quotes: list[Quote] = []
    while feed.due_in_s() is not None:
        quotes += feed.take(piece)
    return quotes


def refusal(path: Path, interval: str = "1h") -> str:
    """The one line that `check()` refuses the file with, without the path, after a look that reading says the same."""
    with pytest.raises(DataError) as caught:
        source(path, interval).check()
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    with pytest.raises(DataError) as read:
        all_quotes(path, interval)
    assert str(read.value) == line
    return line.removeprefix(f"{path}: ")


def checked_or_refused(path: Path) -> FileSpan | None:
    checked, line = None, f"{path}: "
    try:
        checked = source(path, "1s").check()["X"]
    except DataError as error:
        line = str(error)
    assert line.startswith(f"{path}: ")
    assert line.isprintable()
    return checked


def price_rows(*rows: str) -> str:
    return "datetime,price\n" + "".join(f"{row}\n" for row in rows)


# --- what a file gives


@pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} is not there: set TICKLINE_DATA_DIR to its folder")
def test_the_real_file() -> None:
    replay = ReplaySource({"BTCUSDT": REAL}, "12h")
    first = int(datetime(2024, 10, 29, 12, tzinfo=UTC).timestamp()) * NS_PER_S
    checked = replay.check()["BTCUSDT"]
    assert checked[:2] == (692, first)
    quotes = replay.open("BTCUSDT", 0).take(1_000)
    assert len(quotes) == 692
    assert quotes[0] == Quote("BTCUSDT", first, Decimal("71440.1"))
    assert quotes[-1].ts_event == checked.last_ts_event
    assert replay.open("BTCUSDT", 600).take(1_000) == quotes[600:]


def test_prices_are_as_written_and_known_at_the_end_of_the_bar(write: Writer) -> None:
    quotes = all_quotes(write(OK))
    assert [str(quote.price) for quote in quotes] == ["1.5", "2.50", "3"]
    assert [quote.ts_event for quote in quotes] == [START_NS + n * HOUR_NS for n in (1, 2, 3)]
    assert source(write(OK)).check() == {"X": FileSpan(3, START_NS + HOUR_NS, START_NS + 3 * HOUR_NS)}


def test_a_bar_gives_its_close_and_other_columns_are_ignored(write: Writer) -> None:
    path = write(" volume,close,low , high,open,datetime\nabc,4,1,5,2,2024-10-29\n")
    assert [quote.price for quote in all_quotes(path)] == [Decimal(4)]


def test_several_symbols_stand_sorted_each_with_its_file(tmp_path: Path) -> None:
    for sym, price in (("B", "2"), ("A", "1")):
        (tmp_path / sym).write_text(price_rows(f"2024-10-29,{price}"))
    replay = ReplaySource({sym: tmp_path / sym for sym in ("B", "A")}, "1h")
    assert (replay.venue, replay.symbols) == ("replay", ("A", "B"))
    assert [replay.open(sym, 0).take(9)[0].price for sym in replay.symbols] == [1, 2]
    assert list(replay.check()) == ["A", "B"]


def test_a_byte_order_mark_dos_lines_quotes_and_empty_lines_are_no_defect(write: Writer) -> None:
    path = write(b'\xef\xbb\xbfdatetime,price\r\n\r\n"2024-10-29T00:00","1.5"\r\n2024-10-29T01:00, 2 \r\n\r\n')
    assert [quote.price for quote in all_quotes(path)] == [Decimal("1.5"), Decimal(2)]


def test_a_hole_in_the_times_is_let_through(write: Writer) -> None:
    path = write(price_rows("2024-10-29T00:00,1", "2024-10-29T01:00,1", "2024-10-29T09:00,1"))
    assert source(path).check()["X"].rows == 3


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2024-10-29", START_NS),
        ("2024-10-29T00:00", START_NS),
        ("2024-10-29 00:00:00", START_NS),
        ("2024-10-29T00:00:00Z", START_NS),
        ("2024-10-29 00:00:00+00:00", START_NS),
        ("2024-10-29T02:00:00+02:00", START_NS),
        ("2024-10-29T02:00:00+0200", START_NS),
        ("2024-10-28T18:30:00-05:30", START_NS),
        ("2024-10-29T00:00:00.5", START_NS + 500_000_000),
        ("2024-10-29T00:00:00,000000001Z", START_NS + 1),
        ("1730160000", START_NS),
        ("1730160000001", START_NS + 1_000_000),
        ("1730160000000001", START_NS + 1_000),
        ("1730160000000000001", START_NS + 1),
    ],
)
def test_forms_of_time(write: Writer, text: str, ns: int) -> None:
    assert [quote.ts_event for quote in all_quotes(write(f'datetime,price\n"{text}",1\n'))] == [ns + HOUR_NS]


@given(st.integers(0, 2**63 - 1))
def test_any_nanosecond_is_read_back_from_its_text(ns: int) -> None:
    assert text_time(time_text(ns)).ns == ns


@given(st.text(max_size=40) | st.from_regex(r"[0-9TZ:+\-. ]{1,35}", fullmatch=True))
@example("2024-02-30T00:00")
@example("9999-12-31T23:59-23:59")
@example("0001-01-01T00:00+23:59")
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    ns, said = 0, "time "
    try:
        ns = text_time(text).ns
    except ValueError as error:
        said = str(error)
    assert 0 <= ns < 2**63
    assert said.startswith("time ")


# --- where it goes on


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=examples(30))
@given(rows=st.integers(1, 40), position=st.integers(0, 40), piece=st.integers(1, 7), blank=st.booleans())
def test_opened_anywhere_it_goes_on_with_the_next_row(
    write: Writer, rows: int, position: int, piece: int, blank: bool
) -> None:
    lines = (f"{(START_NS + n * HOUR_NS) // NS_PER_S},{n + 1}" for n in range(rows))
    path = write(("\n\n" if blank else "\n").join(["datetime,price", *lines]))
    if position > rows:
        with pytest.raises(DataError, match="it is another file now"):
            all_quotes(path, position=position)
    else:
        quotes = all_quotes(path, position=position, piece=piece)
        assert [int(quote.price) for quote in quotes] == list(range(position + 1, rows + 1))


def test_the_first_row_after_a_restart_is_held_against_the_one_before(write: Writer) -> None:
    path = write(price_rows("2024-10-29T01:00,1", "2024-10-29T00:00,1"))
    with pytest.raises(DataError, match=r"row 3: time 2024-10-29T00:00:00Z is before .* of row 2"):
        all_quotes(path, position=1)


@pytest.mark.parametrize("piece", [1, 2, 3, 100])
def test_the_quotes_before_a_bad_row_are_given_in_any_pieces(write: Writer, piece: int) -> None:
    feed = source(write(OK + "2024-10-29T03:00,x\n")).open("X", 0)
    taken = 0
    while taken < 3:
        assert feed.due_in_s() == 0.0
        taken += len(feed.take(piece))
    assert feed.due_in_s() == 0.0
    with pytest.raises(DataError, match="row 5"):
        feed.take(piece)


def test_an_unknown_symbol_no_files_and_a_negative_position_are_refused(write: Writer) -> None:
    with pytest.raises(ConfigError, match="no file for Y: it has X"):
        source(write(OK)).open("Y", 0)
    with pytest.raises(ConfigError, match="--data FILE"):
        ReplaySource({}, "1h")
    with pytest.raises(ValueError, match="negative"):
        source(write(OK)).open("X", -1)


# --- defects


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "row 1: no header"),
        ("\n", "row 1: no header"),
        ("datetime,price\n", "no rows"),
        ("datetime,open,high,low,close", "no rows"),
        ("time,price\n2024-10-29,1\n", "row 1: no column datetime (there are: 'time, price')"),
        ("datetime,open,close\n2024-10-29,1,1\n", "row 1: no column high, low (there are"),
        (
            "datetime|price\n2024-10-29|1\n",
            "row 1: no column datetime, open, high, low, close (there are: 'datetime|price'",
        ),
        ("datetime,price,price\n2024-10-29,1,1\n", "row 1: column price stands twice"),
        (price_rows("2024-10-29T00:00"), "row 2: 1 field, but the header has 2"),
        (price_rows("2024-10-29T00:00,1,234.5"), "row 2: 3 fields, but the header has 2"),
        (price_rows('2024-10-29T00:00,"1'), "row 2: not CSV"),
        (price_rows('"2024-10-29"T00:00,1'), "row 2: not CSV"),
        (price_rows("2024-10-29T00:00,1", "", "hello,1"), "row 4: time 'hello' is unreadable"),
        (price_rows(",1"), "row 2: time is missing"),
        (price_rows("2024-02-30,1"), "row 2: time '2024-02-30' is unreadable (day is out of range for month)"),
        (price_rows("2024-10-29T24:00,1"), "row 2: time '2024-10-29T24:00' is unreadable (there is no 24:00 o'clock)"),
        (price_rows("2024-10-29T00:00+25:00,1"), "row 2: time '2024-10-29T00:00+25:00' is unreadable"),
        (price_rows("1730160000.5,1"), "row 2: time '1730160000.5' is unreadable"),
        (price_rows("20241029,1"), "row 2: time 20241029 is of no certain unit"),
        (price_rows("20241029000000,1"), "row 2: time 20241029000000 is of no certain unit"),
        (price_rows("0,1"), "row 2: time 0 is of no certain unit"),
        (price_rows("1969-12-31,1"), "row 2: time 1969-12-31 is not between 1970 and 2262"),
        (price_rows("2300-01-01,1"), "row 2: time 2300-01-01 is not between 1970 and 2262"),
        (price_rows("2262-04-11T23:47,1"), "row 2: the bar from 2262-04-11T23:47:00Z ends after 2262"),
        (
            price_rows("1730160000,1", "1730163600000,1"),
            "row 3: time is epoch milliseconds, but row 2 has epoch seconds: use one form in a file",
        ),
        (price_rows("2024-10-29,1", "1730163600,1"), "row 3: time is epoch seconds, but row 2 has ISO 8601"),
        (
            price_rows("2024-10-29T00:00,1", "2024-10-29T00:00Z,1"),
            "row 3: time 2024-10-29T00:00:00Z stands in row 2 too: remove one",
        ),
        (
            price_rows("2024-10-29T01:00,1", "", "2024-10-29T00:00,1"),
            "row 4: time 2024-10-29T00:00:00Z is before 2024-10-29T01:00:00Z of row 2: sort the file by datetime",
        ),
        (
            price_rows("2024-10-29T00:00,1", "2024-10-29T01:00,1", "2024-10-29T01:05,1"),
            "interval 1h, but rows 3 and 4 are 5m apart: pass --interval 5m",
        ),
        (
            price_rows("2024-10-29T00:00,1", "2024-10-29T00:00:00.250,1"),
            "interval 1h, but rows 2 and 3 are 0.25s apart: correct the times",
        ),
        (price_rows("2024-10-29,NaN"), "row 2: price 'NaN' is not finite"),
        (price_rows("2024-10-29,-inf"), "row 2: price '-inf' is not finite"),
        (price_rows("2024-10-29,0"), "row 2: price '0' is not above zero"),
        (price_rows("2024-10-29,-0.0"), "row 2: price '-0.0' is not above zero"),
        (price_rows("2024-10-29,-5"), "row 2: price '-5' is not above zero"),
        (price_rows("2024-10-29,"), "row 2: price is missing"),
        (price_rows("2024-10-29,abc"), "row 2: price 'abc' is not a number"),
        (price_rows("2024-10-29,1_000"), "row 2: price '1_000' is not a number"),
        (price_rows("2024-10-29,٣"), "row 2: price '٣' is not a number"),
        (price_rows("2024-10-29,1e99"), "row 2: price '1e99' is no usable price"),
        ("datetime,open,high,low,close\n2024-10-29,1,nan,1,1\n", "row 2: high 'nan' is not finite"),
        ("datetime,open,high,low,close\n2024-10-29,0,1,1,1\n", "row 2: open '0' is not above zero"),
        (OK.encode() + b"2024-10-29T03:00,\xff\n", "row 5: not UTF-8 text"),
        (OK.encode("utf-16"), "row 1: not UTF-8 text"),
        ("datetime,price\n" + "9" * 200_000, "row 2: not CSV (field larger than field limit"),
    ],
)
def test_a_defect_is_one_line_with_file_and_row(write: Writer, content: str | bytes, line: str) -> None:
    assert refusal(write(content)).startswith(line)


def test_bars_that_are_all_longer_than_the_interval_are_refused_before_a_run(write: Writer) -> None:
    # Their closes would be taken for known long before they were.
    with pytest.raises(DataError, match=r"interval 1m, but no two rows are less than 1h apart \(rows 2 and 3\)"):
        source(write(OK), "1m").check()


def test_a_bad_row_9000_is_found_before_a_run(write: Writer) -> None:
    rows = [f"{1_730_160_000 + n * 60},1" for n in range(10_000)]
    rows[8_998] = "1730699880,-1"
    assert refusal(write(price_rows(*rows)), "1m").startswith("row 9000: price '-1' is not above zero")


@pytest.mark.parametrize(
    ("name", "line"), [("none.csv", "no such file"), ("", "is a directory"), ("pipe", "regular file")]
)
def test_what_is_no_file_is_refused(tmp_path: Path, name: str, line: str) -> None:
    if name == "pipe":
        os.mkfifo(tmp_path / name)
    assert line in refusal(tmp_path / name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.binary(max_size=200)
    | st.builds(lambda at, byte: OK.encode()[:at] + byte + OK.encode()[at:], st.integers(0, 75), st.binary(max_size=3))
)
def test_any_bytes_at_all_give_quotes_or_a_data_error(write: Writer, content: bytes) -> None:
    path = write(content)
    if checked := checked_or_refused(path):
        assert checked.rows == len(all_quotes(path, "1s"))


# --- Parquet


def write_parquet(path: Path, times: Any, prices: Any, **options: Any) -> Path:
    parquet.write_table(pa.table({"datetime": times, "price": prices, "extra": [None] * len(times)}), path, **options)
    return path


HOURS = [datetime(2024, 10, 29, hour, tzinfo=UTC) for hour in range(3)]
NAIVE = [hour.replace(tzinfo=None) for hour in HOURS]
SECONDS = [int(hour.timestamp()) for hour in HOURS]


@pytest.mark.parametrize(
    "times",
    [
        *(pa.array(NAIVE, pa.timestamp(unit)) for unit in ("s", "ms", "us", "ns")),
        pa.array(HOURS, pa.timestamp("us", tz="America/New_York")),
        pa.array(SECONDS, pa.int64()),
        pa.array([second * NS_PER_S for second in SECONDS], pa.uint64()),
        pa.array([hour.isoformat() for hour in HOURS]),
        pa.array([hour.isoformat() for hour in HOURS]).dictionary_encode(),
    ],
    ids=lambda array: str(array.type),
)
def test_parquet_times_of_any_type(tmp_path: Path, times: Any) -> None:
    path = write_parquet(tmp_path / "bars.parquet", times, pa.array([1.5, 2.5, 3.0]))
    assert [quote.ts_event for quote in all_quotes(path)] == [START_NS + n * HOUR_NS for n in (1, 2, 3)]
    assert source(path).check()["X"].rows == 3


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()], ids=str)
def test_parquet_dates(tmp_path: Path, kind: Any) -> None:
    path = write_parquet(tmp_path / "bars.PQ", pa.array([date(2024, 10, 29)], kind), pa.array([1]))
    assert [quote.ts_event for quote in all_quotes(path)] == [START_NS + HOUR_NS]


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        (pa.array([71440.1, 0.1]), ["71440.1", "0.1"]),
        (pa.array([71440.1, 0.1], pa.float32()), ["71440.1", "0.1"]),
        (pa.array([Decimal("71440.10"), Decimal("0.30")], pa.decimal128(12, 2)), ["71440.10", "0.30"]),
        (pa.array([Decimal("71440.10"), Decimal("0.30")], pa.decimal256(50, 2)), ["71440.10", "0.30"]),
        (pa.array([71440, 1], pa.uint32()), ["71440", "1"]),
        (pa.array(["71440.10", "1"]), ["71440.10", "1"]),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_parquet_prices_of_any_type(tmp_path: Path, prices: Any, expected: list[str]) -> None:
    path = write_parquet(tmp_path / "bars.parquet", pa.array(NAIVE[:2]), prices)
    assert [str(quote.price) for quote in all_quotes(path)] == expected


def test_parquet_bars_give_their_close(tmp_path: Path) -> None:
    columns = {"close": [4.0], "low": [1.0], "high": [5.0], "open": [2.0], "datetime": NAIVE[:1]}
    parquet.write_table(pa.table(columns), tmp_path / "bars.parquet")
    assert [quote.price for quote in all_quotes(tmp_path / "bars.parquet")] == [4]


@pytest.mark.parametrize("position", [0, 1, 9, 10, 11, 25, 99, 100])
def test_parquet_opened_anywhere_goes_on_with_the_next_row(tmp_path: Path, position: int) -> None:
    times = [NAIVE[0] + n * timedelta(hours=1) for n in range(100)]
    path = write_parquet(tmp_path / "bars.parquet", pa.array(times), pa.array(range(1, 101)), row_group_size=10)
    assert [int(quote.price) for quote in all_quotes(path, position=position)] == list(range(position + 1, 101))
    with pytest.raises(DataError, match="has 100 rows, but 101 were taken before"):
        all_quotes(path, position=102)


@pytest.mark.parametrize(
    ("times", "prices", "line"),
    [
        (pa.array(NAIVE), pa.array([1.0, float("nan"), 1.0]), "row 3: price 'nan' is not finite"),
        (pa.array(NAIVE), pa.array([1.0, float("inf"), 1.0], pa.float32()), "row 3: price 'inf' is not finite"),
        (pa.array(NAIVE), pa.array([1.0, 1.0, 0.0]), "row 4: price '0.0' is not above zero"),
        (pa.array(NAIVE), pa.array([1.0, 1.0, None]), "row 4: price is missing"),
        (pa.array([NAIVE[0], None, NAIVE[2]]), pa.array([1.0, 1.0, 1.0]), "row 3: datetime is missing"),
        (pa.array(NAIVE), pa.array([True, True, True]), "column price is bool, which is no price"),
        (pa.array([1.0, 2.0, 3.0]), pa.array([1.0, 1.0, 1.0]), "column datetime is double, which is no time"),
        (pa.array(NAIVE[::-1]), pa.array([1, 2, 3]), "row 3: time 2024-10-29T01:00:00Z is before"),
        (pa.array([NAIVE[0]] * 3), pa.array([1, 2, 3]), "row 3: time 2024-10-29T00:00:00Z stands in row 2 too"),
        (pa.array([10**10, 1, 1], pa.timestamp("s")), pa.array([1, 2, 3]), "row 2: time 10000000000000 is not between"),
        (pa.array([], pa.timestamp("s")), pa.array([], pa.float64()), "no rows"),
    ],
)
def test_a_defect_in_parquet_is_one_line_too(tmp_path: Path, times: Any, prices: Any, line: str) -> None:
    assert refusal(write_parquet(tmp_path / "bars.parquet", times, prices)).startswith(line)


def test_parquet_without_the_columns_is_refused(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"time": [1], "price": [1.0]}), tmp_path / "bars.parquet")
    assert refusal(tmp_path / "bars.parquet").startswith("row 1: no column datetime (there are: 'time, price')")


@pytest.mark.parametrize("keep", [0, 3, 4, 100, -1, -9])
def test_a_truncated_parquet_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = write_parquet(tmp_path / "bars.parquet", pa.array(NAIVE), pa.array([1, 2, 3]))
    path.write_bytes(path.read_bytes()[:keep])
    assert refusal(path).startswith("not a whole Parquet file")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_damaged_parquet_file_gives_quotes_or_a_data_error(tmp_path: Path, at: int, value: int) -> None:
    path = write_parquet(tmp_path / "bars.parquet", pa.array(NAIVE), pa.array([1.0, 2.0, 3.0]))
    content = bytearray(path.read_bytes())
    content[at % len(content)] = value
    path.write_bytes(content)
    checked_or_refused(path)


# --- memory


def test_pyarrow_is_imported_with_the_first_parquet_file_only(write: Writer) -> None:
    code = (
        "import sys; from pathlib import Path; from services.ingestor.replay import ReplaySource;"
        f"ReplaySource({{'X': Path({str(write(OK))!r})}}, '1h').check(); print('pyarrow' in sys.modules)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    import tracemalloc

    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.csv"
        path.write_text(price_rows(*(f"{1_730_160_000 + n},1.5" for n in range(rows))))
        tracemalloc.start()
        source(path, "1s").check()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    small = peak(2_000)
    assert peak(40_000) < small + 50_000


# --- a recording: its ticks and gaps in their order, with their own times, history and venue


def recording(folder: Path, *parts: Sequence[ReceivedEntry]) -> Path:
    claim(folder, RecordingOrigin(bus_id="b", namespace="tickline", partitions=1))
    write_checkpoint(folder, Checkpoint(taken_ns=1, settings=kept_settings(Settings()), snapshots={}))
    made = RecordingFolder(folder)
    for rows in parts:
        made.add(Stream.TICKS, list(rows), "server")
    return folder


def kept(message: Message) -> ReceivedEntry:
    return ReceivedEntry(PLACE, entry(message, FIRST_DAY_MS + message.n), 0)


def test_each_symbol_has_its_ticks_over_all_parts(tmp_path: Path) -> None:
    gap = Gap(n=3, sym="A", ts_event=3, tr="t:A:3:3", stream=Stream.TICKS, cause=GapCause.LATE)
    old = tick(5).model_copy(update={"history": True})
    beside = [kept(gap), ReceivedEntry(PLACE, raw(FIRST_DAY_MS + 60, b"A"), 0)]
    folder = recording(tmp_path, [taken(1), taken(1, "B"), taken(2)], [*beside, taken(4), kept(old)])
    source = ReplaySource({"A": folder, "B": folder}, "1s")
    assert list(source.open("A", 0).take(9)) == [tick(1), tick(2), gap, tick(4), old]
    assert list(source.open("A", 3).take(9)) == [tick(4), old]
    assert source.check() == {"A": FileSpan(5, 1, 5), "B": FileSpan(1, 1, 1)}
    assert source.venue == "t"


def test_groups_are_recorded_and_replayed(tmp_path: Path) -> None:
    bar = BarGroup(open=1.0, high=2.0, low=0.5, volume=3.25, quote_volume=4.5, trades=7, taker_volume=1.5)
    quote, funding = QuoteGroup(bid=1.0, ask=2.0, bid_qty=0.5, ask_qty=0.25), FundingGroup(rate=-0.0001)
    whole = tick(2).model_copy(update={"bar": bar, "quote": quote, "funding": funding})
    folder = recording(tmp_path, [taken(1), kept(whole)], [taken(3)])
    source = ReplaySource({"A": folder}, "1s")
    assert source.groups == {Group.BAR, Group.QUOTE, Group.FUNDING}
    assert list(source.open("A", 0).take(9)) == [tick(1), whole, tick(3)]
    (_, found, _) = (IngestStage("t", "A").on_tick(message)[0] for message in source.open("A", 0).take(9))
    assert isinstance(found, MarketTick)
    assert (found.bar, found.quote, found.funding) == (bar, quote, funding)


def test_where_ticks_were_not_recorded_stands_a_gap(tmp_path: Path) -> None:
    folder = recording(tmp_path, [taken(3), taken(4)], [taken(7)])
    missed = Gap(n=6, sym="A", ts_event=7, tr="t:A:7", stream=Stream.TICKS, cause=GapCause.MISSED)
    assert list(ReplaySource({"A": folder}, "1s").open("A", 0).take(9)) == [tick(3), tick(4), missed, tick(7)]


def test_recorded_trades_have_no_interval_and_bars_have_one(tmp_path: Path) -> None:
    folder = recording(tmp_path, [taken(3), taken(4)])
    assert list(ReplaySource({"A": folder}, "trade").open("A", 0).take(9)) == [tick(3), tick(4)]
    with pytest.raises(ConfigError, match="interval trade is for recordings"):
        ReplaySource({"A": folder, "B": tmp_path / "bars.csv"}, "trade")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    folder = recording(tmp_path, [taken(1)])
    with pytest.raises(DataError, match="has 1 tick of A, but 2 were taken before"):
        ReplaySource({"A": folder}, "1s").open("A", 2).take(1)
    with pytest.raises(DataError, match="has no tick of C"):
        _ = ReplaySource({"C": folder}, "1s").venue


def test_what_a_newer_tickline_recorded_is_refused_and_not_a_gap(tmp_path: Path) -> None:
    folder = recording(tmp_path, [taken(1), taken(2), taken(3)])
    alter(folder, Stream.TICKS, as_newer)
    with pytest.raises(DataError, match=r"tick n=2 of A was written by a newer Tickline \(wire .*: read the recording"):
        ReplaySource({"A": folder}, "1s").check()


def as_newer(rows: list[Row]) -> None:
    the_row(rows, "A", 2)["t"] = f"MarketTick/{WIRE + 1}"
