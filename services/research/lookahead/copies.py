"""Bars back into a file."""

import csv
from collections.abc import Iterable
from pathlib import Path

from shared.history import Bar
from shared.history.columns import OHLC, PRICE, TIME
from shared.history.times import time_text
from shared.history.zone import Zone, start_of


def write_bars(path: Path, bars: Iterable[Bar], interval_ns: int, zone: Zone | None = None) -> int:
    """Write bars as a CSV file out of which `shared.history.bars` reads the same ones; returns how many there were.

    zone: whose days they are, where they are of whole days.

    >>> import tempfile
    >>> from shared.history import bars
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, two = Path(folder) / "one.csv", Path(folder) / "two.csv"
    ...     _ = one.write_text("datetime,price\\n2024-10-29,2.50\\n2024-10-30,1e-7\\n")
    ...     rows = write_bars(two, bars(one, "1d"), 86_400 * 10**9)
    ...     rows, list(bars(one, "1d")) == list(bars(two, "1d"))
    (2, True)
    """
    rows, alone, start = 0, False, start_of(interval_ns, zone)
    with path.open("w", encoding="utf-8", newline="") as file:
        write = csv.writer(file, lineterminator="\n").writerow
        for rows, bar in enumerate(bars, 1):
            if rows == 1:
                alone = bar.open is bar.close
                write((TIME, *(PRICE if alone else OHLC)))
            prices = (bar.close,) if alone else (bar.open, bar.high, bar.low, bar.close)
            write((time_text(start(bar.ts_event)), *prices))
    return rows
