"""An observer watches a backtest; the totals are its result."""

import csv
from decimal import Decimal
from io import StringIO
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
        self._write = file.write
        self._write(",".join(RoundTrip._fields) + "\n")
        self._time, self._time_text = 0, time_text(0)  # of the last fill: the next trip often begins with it
        self._sym = self._sym_cell = ""

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float, paid: float) -> None:
        """Does nothing: a bar is no row."""

    def on_trip(self, trip: RoundTrip) -> None:
        """Writes the round trip."""
        entered, left, sym, y_hat, side, qty, entry, leaving, log_return, gross, fee, net, equity = trip
        begins = self._time_text if entered == self._time else time_text(entered)
        self._time, self._time_text = left, time_text(left)
        if sym != self._sym:
            self._sym, self._sym_cell = sym, _quoted(sym)
        said = f"{qty!s},{entry!s},{leaving!s},{log_return!s},{gross!s},{fee!s},{net!s},{equity!s}"
        if "E" in said:  # an exponent; without one it is a third of the cost
            said = f"{qty:f},{entry:f},{leaving:f},{log_return!s},{gross:f},{fee:f},{net:f},{equity:f}"
        self._write(f"{begins},{self._time_text},{self._sym_cell},{y_hat!s},{side},{said}\n")


def _quoted(text: str) -> str:
    """Returns a text as a cell of CSV.

    >>> _quoted("BTC/USDT"), _quoted("BTC,USDT")
    ('BTC/USDT', '"BTC,USDT"')
    """
    cell = StringIO()
    csv.writer(cell, lineterminator="").writerow([text])
    return cell.getvalue()


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
