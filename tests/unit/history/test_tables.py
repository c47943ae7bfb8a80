"""A DataFrame gives the bars that its file would give; nothing is lost on the way."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import DataError
from shared.history import bars, infer_interval
from shared.history.tables import price_file

START = datetime(2024, 10, 29)
ENDS = [1730203200000000000 + hour * 3_600_000_000_000 for hour in range(3)]  # of bars of an hour, from 11:00 on
HOURS = [START + timedelta(hours=11 + hour) for hour in range(3)]
PRICES = [71440.1, 0.1, 1e-9]
TABLES: dict[str, Any] = {
    "polars": polars.DataFrame({"datetime": HOURS, "price": PRICES}),
    "polars in ns": polars.DataFrame({"open_time": HOURS, "price": PRICES}).cast({"open_time": polars.Datetime("ns")}),
    "polars in a zone": polars.DataFrame({"datetime": HOURS, "price": PRICES}).with_columns(
        polars.col("datetime").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo")
    ),
    "polars' epochs": polars.DataFrame(
        {"timestamp": [end // 1_000_000 - 3_600_000 for end in ENDS], "Price": PRICES, "note": ["a", "b", "c"]}
    ),
    "pandas": pandas.DataFrame({"datetime": HOURS, "price": PRICES}),
    "pandas' index": pandas.DataFrame({"price": PRICES}, index=pandas.DatetimeIndex(HOURS)),
    "pandas' named index": pandas.DataFrame({"price": PRICES}, index=pandas.Index(map(str, HOURS), name="datetime")),
    "pandas in a zone": pandas.DataFrame({"price": PRICES}, index=pandas.DatetimeIndex(HOURS, tz="UTC")),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_each_kind_of_table_gives_the_same_bars(table: Any) -> None:
    assert [(bar.ts_event, str(bar.close)) for bar in bars(table, "1h")] == [
        (end, str(Decimal(str(price)))) for end, price in zip(ENDS, PRICES, strict=True)
    ]
    assert infer_interval(table) == "1h"


@given(st.lists(st.floats(1e-18, 1e18), min_size=2, max_size=20))
def test_no_digit_of_a_float_is_lost(prices: list[float]) -> None:
    times = [START + timedelta(hours=hour) for hour in range(len(prices))]
    for table in (polars.DataFrame, pandas.DataFrame):
        assert [float(bar.close) for bar in bars(table({"datetime": times, "price": prices}), "1h")] == prices


def test_its_file_is_gone_afterwards_and_an_error_names_the_row() -> None:
    with price_file(TABLES["polars"]) as path:
        assert path.is_file()
    assert not path.parent.exists()
    wrong = TABLES["polars"].with_columns(price=polars.Series([1.0, None, 2.0]))
    with pytest.raises(DataError, match=r"^DataFrame\.csv: row 3: price is missing") as refused:
        list(bars(wrong, "1h"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (np.ones(3), r"not numpy\.ndarray"),
        ([1.0, 2.0], r"not builtins\.list"),
        (TABLES["polars"].lazy(), r"not polars\.LazyFrame \(call its collect\(\) first\)"),
        (TABLES["pandas"]["price"], r"not pandas\.Series"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(data: Any, said: str) -> None:
    with pytest.raises(DataError, match=f"^prices are a path of a CSV or Parquet file, or a DataFrame .*, {said}$"):
        list(bars(data, "1h"))


def test_a_path_may_be_text(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text("datetime,price\n2024-10-29,1\n2024-10-30,2\n")
    assert [float(bar.close) for bar in bars(str(tmp_path / "bars.csv"), "1d")] == [1, 2]
