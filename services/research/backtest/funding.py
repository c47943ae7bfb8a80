"""This module reads funding rates out of a file as they fall due."""

import csv
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

from shared.errors import ConfigError, DataError
from shared.extras import to_install
from shared.history.columns import plain_name
from shared.history.csv_bars import separated
from shared.history.files import is_parquet
from shared.history.packed import opened_text
from shared.history.parquet_bars import time_column
from shared.history.prices import DecimalMark
from shared.history.times import text_time, time_text

# Ours, and those of data.binance.vision's fundingRate files (calc_time,funding_interval_hours,last_funding_rate) and of
# the answers of /fapi/v1/fundingRate.
TIMES = ("datetime", "calc_time", "funding_time", "fundingtime", "timestamp")
RATES = ("rate", "last_funding_rate", "funding_rate", "fundingrate")
FIRST_ROW = 2  # as an editor shows it, the header being row 1

_Cells = Iterator[tuple[int, int, str]]  # row, time in ns, rate as text


class Rate(NamedTuple):
    """A rate is due at `ts_event` (ns since 1970 UTC): a long pays `rate` × its value, and a short receives it."""

    ts_event: int
    rate: Decimal


class FundingRates:
    """Reads the rates of a CSV or Parquet file with columns `datetime` and `rate`, in order, as they fall due.

    Other names of `TIMES` and `RATES` are read as well, and packed files. A defect is a DataError with file and row: a
    column that is missing, a time or rate that is none, a rate of 100 % or more, times that do not ascend.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "funding.csv"
    >>> _ = path.write_text("datetime,rate\\n1970-01-01T00:00:01,0.0001\\n1970-01-01T00:00:09,-0.0002\\n")
    >>> rates = FundingRates(path)
    >>> list(rates.until(5_000_000_000)), list(rates.until(8_000_000_000))
    ([Rate(ts_event=1000000000, rate=Decimal('0.0001'))], [])
    >>> folder.cleanup()
    """

    def __init__(self, path: Path) -> None:
        self._rates = _rates(path)
        self._next = next(self._rates, None)

    def until(self, ts_event: int) -> Iterator[Rate]:
        """Yields the rates up to and with `ts_event` that were not given yet."""
        while self._next is not None and self._next.ts_event <= ts_event:
            yield self._next
            self._next = next(self._rates, None)


def _rates(path: Path) -> Iterator[Rate]:
    if not path.is_file():
        raise DataError(f"{path}: there is no such file: check the path of the funding rates")
    last: int | None = None
    for row, ts_event, text in (_parquet if is_parquet(path) else _csv)(path):
        if last is not None and ts_event <= last:
            raise DataError(f"{path}: row {row}: {time_text(ts_event)} is not after {time_text(last)}: sort the file")
        last = ts_event
        try:
            yield Rate(ts_event, _rate(text))
        except ValueError as error:
            raise DataError(f"{path}: row {row}: {error}") from error


def _rate(text: str) -> Decimal:
    try:
        rate = Decimal(text)
        if abs(rate) < 1:  # a NaN cannot be compared
            return rate
    except InvalidOperation:
        pass
    raise ValueError(f"rate {text[:40]!r} is no share of the position's value: correct or remove the row")


def _csv(path: Path) -> _Cells:
    row = 1
    try:
        with opened_text(path) as file:
            reader, separator = separated(file)
            mark = None if separator == "," else DecimalMark()
            header = next(reader, [])
            time, rate = _places(path, header)
            for fields in reader:
                row = reader.line_num
                if fields:
                    text = fields[rate] if rate < len(fields) else ""
                    yield row, text_time(fields[time]).ns, text if mark is None else mark.plain(text)
    except (csv.Error, ValueError) as error:  # among the latter: not UTF-8
        raise DataError(f"{path}: row {row}: {error}") from error


def _parquet(path: Path) -> _Cells:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(f"{path}: Parquet needs pyarrow: {to_install('parquet')}, or pass a CSV") from error
    row = FIRST_ROW
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            time_name, rate_name = (names[at] for at in _places(path, names))
            times = time_column(time_name, file.schema_arrow.field(time_name).type)
            for batch in file.iter_batches(columns=[time_name, rate_name]):
                rates = batch.column(rate_name).to_pylist()
                for time, rate in zip(times.cells(batch.column(time_name)), rates, strict=True):
                    if time is None or rate is None:
                        missing = time_name if time is None else rate_name
                        raise ValueError(f"{missing} is missing: fill it in or remove the row")
                    yield row, times.value(time).ns, str(rate)
                    row += 1
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path}: row {row}: {' '.join(str(error).split())[:160]}") from error


def _places(path: Path, names: list[str]) -> tuple[int, int]:
    """Returns the places of time and rate among the columns."""
    plain = [plain_name(name) for name in names]
    found = [next((plain.index(name) for name in known if name in plain), -1) for known in (TIMES, RATES)]
    missing = [known[0] for known, at in zip((TIMES, RATES), found, strict=True) if at < 0]
    if missing:
        raise DataError(
            f"{path}: no column {', '.join(missing)} (there are: {', '.join(names)[:200]!r}): name them "
            f"{TIMES[0]},{RATES[0]}"
        )
    return found[0], found[1]
