"""Bars back into a file."""

import csv
from collections.abc import Iterable
from pathlib import Path

from shared.history import Bar
from shared.history.columns import OHLC, PRICE, TIME
from shared.history.times import time_text


def write_bars(path: Path, bars: Iterable[Bar], interval_ns: int) -> int:
    """Write bars as a CSV file out of which `shared.history.bars` reads the same ones; returns how many there were.

    >>> import tempfile
    >>> from shared.history import bars
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, two = Path(folder) / "one.csv", Path(folder) / "two.csv"
    ...     _ = one.write_text("datetime,price\\n2024-10-29,2.50\\n2024-10-30,1e-7\\n")
    ...     rows = write_bars(two, bars(one, "1d"), 86_400 * 10**9)
    ...     rows, list(bars(one, "1d")) == list(bars(two, "1d"))
    (2, True)
    """
    rows, alone = 0, False
    with path.open("w", encoding="utf-8", newline="") as file:
        write = csv.writer(file, lineterminator="\n").writerow
        for rows, bar in enumerate(bars, 1):
            if rows == 1:
                alone = bar.open is bar.close
                write((TIME, *(PRICE if alone else OHLC)))
            prices = (bar.close,) if alone else (bar.open, bar.high, bar.low, bar.close)
            write((time_text(bar.ts_event - interval_ns), *prices))
    return rows
