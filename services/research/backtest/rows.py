"""Round trips as text, one row each."""

import csv
from decimal import Decimal
from typing import TextIO

from shared.account import RoundTrip
from shared.history.times import time_text


class CsvRows:
    """Watches a backtest (an Observer) and writes each closed round trip as a CSV row, with a header; keeps none.

    Columns: RoundTrip's fields. Times are UTC in ISO 8601; money, prices and quantities have all their digits.
    """

    def __init__(self, file: TextIO) -> None:
        self._write = csv.writer(file, lineterminator="\n").writerow
        self._write(RoundTrip._fields)

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float) -> None:
        """A bar is no row."""

    def on_trip(self, trip: RoundTrip) -> None:
        """Write it."""
        entered, left, *values = trip
        self._write([time_text(entered), time_text(left), *[_text(value) for value in values]])


def _text(value: object) -> object:
    """
    >>> _text(Decimal("1.50E-9")), _text(-1)
    ('0.00000000150', -1)
    """
    if type(value) is not Decimal:
        return value
    text = str(value)
    return f"{value:f}" if "E" in text else text  # the latter at a third of the cost
