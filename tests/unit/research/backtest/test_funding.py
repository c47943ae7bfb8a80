"""Funding rates out of files: CSV and Parquet give the same, and a defect is named with its row."""

import gzip
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from services.research.backtest.funding import FundingRates, Rate
from shared.errors import DataError

END = 2**62
HOUR_NS = 3_600 * 10**9


def written(tmp_path: Path, *rows: str, header: str = "datetime,rate") -> Path:
    path = tmp_path / "funding.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def rates(path: Path) -> list[Rate]:
    return list(FundingRates(path).until(END))


def test_rates_fall_due_once_and_in_order(tmp_path: Path) -> None:
    path = written(tmp_path, "1970-01-01T08:00,0.0001", "1970-01-01T16:00,-0.0002", "1970-01-02,0")
    expected = [
        Rate(8 * HOUR_NS, Decimal("0.0001")),
        Rate(16 * HOUR_NS, Decimal("-0.0002")),
        Rate(24 * HOUR_NS, Decimal(0)),
    ]
    assert rates(path) == expected
    funding = FundingRates(path)
    assert list(funding.until(8 * HOUR_NS - 1)) == []
    assert list(funding.until(16 * HOUR_NS)) == expected[:2]
    assert list(funding.until(16 * HOUR_NS)) == []
    assert list(funding.until(END)) == expected[2:]


def test_parquet_gives_the_same(tmp_path: Path) -> None:
    times = [datetime(1970, 1, 1, 8, tzinfo=UTC), datetime(1970, 1, 1, 16, tzinfo=UTC)]
    path = tmp_path / "funding.parquet"
    parquet.write_table(pa.table({"rate": [0.0001, -0.0002], "mark": [1, 2], "datetime": times}), path)
    assert rates(path) == rates(written(tmp_path, "1970-01-01T08:00Z,0.0001", "1970-01-01T16:00Z,-0.0002"))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (("2024-01-01,0.1", "2024-01-01,0.1"), r"row 3: .* is not after .*: sort"),
        (("2024-01-02,0.1", "2024-01-01,0.1"), r"row 3: .* is not after .*: sort"),
        (("2024-01-01,nan",), r"row 2: rate 'nan'"),
        (("2024-01-01,inf",), r"row 2: rate 'inf'"),
        (("2024-01-01,1",), r"row 2: rate '1' is no share"),
        (("2024-01-01,much",), r"row 2: rate 'much'"),
        (("2024-01-01",), r"row 2: rate ''"),
        (("yesterday,0.1",), r"row 2: time 'yesterday'"),
        (('"2024',), r"row "),
    ],
)
def test_a_defect_is_named_with_its_row(tmp_path: Path, rows: tuple[str, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        rates(written(tmp_path, *rows))


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column rate \(there are: 'datetime, price'\)"):
        rates(written(tmp_path, "2024-01-01,1", header="datetime,price"))
    with pytest.raises(DataError, match="no such file"):
        rates(tmp_path / "none.csv")
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"broken\.parquet"):
        rates(broken)
    without = tmp_path / "without.parquet"
    parquet.write_table(pa.table({"rate": [0.1, None], "datetime": [1_700_000_000, 1_700_003_600]}), without)
    with pytest.raises(DataError, match=r"row 3: rate is missing"):
        rates(without)


@pytest.mark.parametrize(
    "content",
    [
        "calc_time,funding_interval_hours,last_funding_rate\n1704067200003,8,0.00037409\n",  # data.binance.vision
        "symbol;fundingTime;fundingRate\nBTCUSDT;1704067200003;0,00037409\n",
        "Timestamp,Funding Rate\n2024-01-01T00:00:00.003Z,0.00037409\n\n",
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_rates_as_exchanges_name_them(tmp_path: Path, content: str, packed: bool) -> None:
    path = tmp_path / "funding.csv.gz"
    path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    expected = Rate(1_704_067_200_003_000_000, Decimal("0.00037409"))
    assert list(FundingRates(path).until(2 * 10**18)) == [expected]
