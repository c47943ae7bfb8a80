"""An observer watches a backtest; the totals are its result."""

import csv
from decimal import Decimal
from typing import NamedTuple, Protocol, TextIO

from shared.account import Fill, RoundTrip
from shared.history.times import time_text


class Observer(Protocol):
    """An observer gets what happens, as it happens.

    It keeps as little of it as it can: a backtest may have 10 million bars.
    """

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float, paid: float) -> None:
        """Takes a bar, after its orders were filled (or sent) and the book was marked at its close.

        - ts_event: the bar's end, ns since 1970 UTC.
        - exposure: signed value of the position / equity, 0.0 when flat.
        - y_hat: the prediction made at this bar, NaN when there was none.
        - paid: all costs so far, quote units: fees, slippage and funding.
        """

    def on_trip(self, trip: RoundTrip) -> None:
        """Takes a round trip that was closed. It comes before the mark of its bar."""


class CsvRows:
    """Watches a backtest and writes each closed round trip as a CSV row, with a header; it keeps none.

    The columns are RoundTrip's fields. Times are UTC in ISO 8601; money, prices and quantities have all their digits.
    """

    def __init__(self, file: TextIO) -> None:
        self._write = csv.writer(file, lineterminator="\n").writerow
        self._write(RoundTrip._fields)

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float, paid: float) -> None:
        """Does nothing: a bar is no row."""

    def on_trip(self, trip: RoundTrip) -> None:
        """Writes the round trip."""
        entered, left, *values = trip
        self._write([time_text(entered), time_text(left), *[_cell(value) for value in values]])


def _cell(value: object) -> object:
    """
    >>> _cell(Decimal("1.50E-9")), _cell(-1)
    ('0.00000000150', -1)
    """
    if type(value) is not Decimal:
        return value
    text = str(value)
    return f"{value:f}" if "E" in text else text  # the latter at a third of the cost


class Totals(NamedTuple):
    """Totals are sums over a whole backtest; money in quote units.

    - fees: commissions.
    - funding: paid, less received.
    - slippage: what it cost, Σ |qty| × |fill price − price without it|.
    - turnover: Σ |qty| × fill price.
    - bars: those traded on, without those that only warmed the features.
    - fills: with those of liquidations and stops.
    - missed: orders that nothing was had of within their limit.
    - expired: those that never filled otherwise.
    - first_ts, last_ts: ends of the first and the last bar.
    - open_trip: what is still held, as one fill at its average entry price.
    - unrealised: its profit at the last close.
    - stops: of the fills those of stops.
    """

    start_equity: Decimal
    end_equity: Decimal
    fees: Decimal
    funding: Decimal
    slippage: Decimal
    turnover: Decimal
    bars: int
    fills: int
    missed: int
    expired: int
    liquidations: int
    first_ts: int
    last_ts: int
    open_trip: Fill | None
    unrealised: Decimal
    stops: int = 0
