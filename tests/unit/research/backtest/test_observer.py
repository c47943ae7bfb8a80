"""The rows of a backtest: every digit, no exponent, and what CSV wants to be quoted is quoted."""

import csv
from decimal import Decimal
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from services.research.backtest.observer import CsvRows
from shared.account import RoundTrip
from shared.history.times import time_text

_MONEY = st.decimals(allow_nan=False, allow_infinity=False, min_value=Decimal("-1e30"), max_value=Decimal("1e30"))
_TIMES = st.integers(0, 3) | st.integers(0, 2**63 - 1)  # the same ones come again
_TRIPS = st.builds(
    RoundTrip,
    _TIMES, _TIMES, st.sampled_from(["BTCUSDT", "ETH,EUR", 'a "b"']), st.floats(), st.sampled_from([1, -1]), _MONEY,
    _MONEY, _MONEY, st.floats(allow_nan=False), _MONEY, _MONEY, _MONEY, _MONEY,
)  # fmt: skip


def plain(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


@given(st.lists(_TRIPS, max_size=4))
def test_rows_are_what_a_csv_writer_makes_of_plain_numbers(trips: list[RoundTrip]) -> None:
    file, expected = StringIO(), StringIO()
    rows, writer = CsvRows(file), csv.writer(expected, lineterminator="\n")
    writer.writerow(RoundTrip._fields)
    for trip in trips:
        rows.on_trip(trip)
        writer.writerow([time_text(trip.datetime), time_text(trip.exit_datetime), *map(plain, trip[2:])])
    assert file.getvalue() == expected.getvalue()


def test_small_numbers_have_no_exponent() -> None:
    file = StringIO()
    one = Decimal(1)
    CsvRows(file).on_trip(
        RoundTrip(0, 0, "BTCUSDT", 0.5, 1, Decimal("1.50E-9"), one, one, 0.0, one, one, one, Decimal("2E+3"))
    )
    assert file.getvalue().splitlines()[1] == (
        "1970-01-01T00:00:00Z,1970-01-01T00:00:00Z,BTCUSDT,0.5,1,0.00000000150,1,1,0.0,1,1,1,2000"
    )
