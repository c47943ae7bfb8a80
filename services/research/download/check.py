"""A check counts the rows of a download: how many, from when to when, and what is missing between them."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from services.research.download.download import Result
from services.research.download.job import Job, RowsOrigin
from services.research.download.kinds import DAY_MS, KINDS, KindName
from services.research.download.month_file import ID, TIME, Coverage, about, tables, write
from shared.errors import ConfigError, DataError
from shared.history.files import PARQUET_SUFFIXES
from shared.history.funding import SettledRate, hours_between, rate_at
from shared.history.times import time_text
from shared.intervals import interval_ns, interval_text
from shared.plural import plural

GAPS_SHOWN = 20
NS_PER_MS = 1_000_000
FUNDING_RATE, FUNDING_INTERVAL = "funding_rate", "funding_interval_h"
COUNTING = 0.9  # ids count up one by one where this share of the steps does
_Numbers = npt.NDArray[np.int64]
_NONE: _Numbers = np.empty(0, np.int64)


class MissingRows(NamedTuple):
    """MissingRows say that nothing is between these times. missing: how many rows, by interval, neighbours or id."""

    after_ms: int
    before_ms: int
    missing: int


class HistoryCheck:
    """A HistoryCheck takes the rows of one job's files in order, table by table; `lines` is what a person reads.

    Bars are missing where two are more than an interval apart; funding, where a distance is more than 1.5 times each of
    the two beside it; trades, where their ids are numbers that count up one by one and some are skipped.
    Memory does not grow with trades or bars, only with gaps. Raises DataError where rows are out of order or double.
    """

    def __init__(self, kind: KindName, interval_ms: int, start_ms: int, end_ms: int) -> None:
        self._kind, self._interval_ms = kind, interval_ms
        self._start_ms, self._end_ms = start_ms, end_ms
        self.rows = 0
        self._first_ms = 0
        self._last: _Numbers = _NONE  # the last time
        self._last_id: _Numbers = _NONE
        self._gaps: list[MissingRows] = []
        self._steps: dict[bool, int] = {True: 0, False: 0}  # of ids: by one, by more
        self._ids_are_numbers = kind is KindName.TRADES
        self._silence = MissingRows(start_ms, start_ms, 0)
        self._due: list[_Numbers] = []

    def add(self, name: str, table: Any) -> None:
        """Takes the next rows; `name` is their file."""
        if not table.num_rows:
            return
        times = np.concatenate([self._last, table[TIME].cast(pa.int64()).to_numpy()])
        apart = np.diff(times)
        if apart.size and apart.min() < (0 if self._kind is KindName.TRADES else 1):
            at = int(times[int(np.argmin(apart)) + 1])
            raise DataError(
                f"{name}: {_text(at)} is not in order: the file was changed: move it away and fetch it again"
            )
        if not self.rows:
            self._first_ms = int(times[0])
        self.rows += table.num_rows
        self._last = times[-1:]
        if self._kind is KindName.OHLCV:
            self._gaps += [self._bars(times, at) for at in np.flatnonzero(apart > self._interval_ms)]
        elif self._kind is KindName.FUNDING:
            self._due.append(times[1:] if self._due else times)
        else:
            self._trades(times, apart, table)

    def gaps(self) -> list[MissingRows]:
        """Returns what is missing, in order of time."""
        if self._kind is KindName.FUNDING:
            return _funding_gaps(np.concatenate(self._due) if self._due else _NONE)
        if self._kind is KindName.TRADES:
            return self._gaps if self.ids_count else []
        return [*self._head(), *self._gaps, *self._tail()]

    @property
    def ids_count(self) -> bool:
        """Says whether the trades' ids count up one by one, so that a missing trade shows."""
        by_one, by_more = self._steps[True], self._steps[False]
        return self._ids_are_numbers and by_one >= COUNTING * (by_one + by_more)

    def lines(self, repeats: int) -> list[str]:
        """Returns what a person reads. repeats: duplicates that were removed."""
        if not self.rows:
            return [f"0 rows from {_text(self._start_ms)} to {_text(self._end_ms)}: the exchange has none"]
        gaps = self.gaps()
        shown = [f"gap: {_text(a)} to {_text(b)}: {missing:,} missing" for a, b, missing in gaps[:GAPS_SHOWN]]
        if len(gaps) > GAPS_SHOWN:
            shown.append(f"... and {plural(len(gaps) - GAPS_SHOWN, 'more gap', spec=',')}")
        total = f"gaps: {len(gaps):,}, missing: {sum(gap.missing for gap in gaps):,}" if gaps else "gaps: none"
        return [
            f"rows: {self.rows:,}, first {_text(self._first_ms)}, last {_text(int(self._last[0]))}",
            *shown,
            *([total] if self._kind is not KindName.TRADES else self._trade_lines(total)),
            f"duplicates removed: {repeats:,}",
        ]

    def _trade_lines(self, total: str) -> list[str]:
        after, before, _ = self._silence
        return [
            f"{total} (by id)" if self.ids_count else "gaps: cannot be told: the ids of these trades do not count up",
            f"longest silence: {interval_text((before - after) * 1_000_000)}, from {_text(after)}",
        ]

    def _bars(self, times: _Numbers, at: Any) -> MissingRows:
        after, before = int(times[at]), int(times[at + 1])
        return MissingRows(after, before, -(-(before - after) // self._interval_ms) - 1)

    def _head(self) -> list[MissingRows]:
        missing = (self._first_ms - self._start_ms) // self._interval_ms if self.rows else 0
        return [MissingRows(self._start_ms, self._first_ms, missing)] if missing else []

    def _tail(self) -> list[MissingRows]:
        last_ms = int(self._last[0])
        missing = -(-(self._end_ms - last_ms) // self._interval_ms) - 1
        return [MissingRows(last_ms, self._end_ms, missing)] if missing > 0 else []

    def _trades(self, times: _Numbers, apart: _Numbers, table: Any) -> None:
        if apart.size and apart.max() > self._silence.before_ms - self._silence.after_ms:
            at = int(np.argmax(apart))
            self._silence = MissingRows(int(times[at]), int(times[at + 1]), 0)
        if not self._ids_are_numbers:
            return
        try:
            ids = np.concatenate([self._last_id, table[ID].cast(pa.int64()).to_numpy()])
        except pa.ArrowInvalid:
            self._ids_are_numbers = False
            return
        steps = np.diff(ids)
        if steps.size and steps.min() < 1:
            self._ids_are_numbers = False
            return
        skips = np.flatnonzero(steps > 1)
        self._steps[True] += steps.size - skips.size
        self._steps[False] += skips.size
        if self.ids_count:
            offset = times.size - ids.size
            self._gaps += [
                MissingRows(int(times[at + offset]), int(times[at + offset + 1]), int(steps[at]) - 1) for at in skips
            ]
        self._last_id = ids[-1:]


def _funding_gaps(times: _Numbers) -> list[MissingRows]:
    apart = np.diff(times)
    if apart.size < 2:
        return []
    around = np.maximum(np.append(apart[1:], apart[-2]), np.insert(apart[:-1], 0, apart[1]))
    return [
        MissingRows(int(times[at]), int(times[at + 1]), round(int(apart[at]) / int(around[at])) - 1)
        for at in np.flatnonzero(apart > 1.5 * around)
    ]


def _text(at_ms: int) -> str:
    return time_text(at_ms * 1_000_000)


def check_lines(job: Job, result: Result) -> list[str]:
    """Reads the files once more from end to end, and says what they hold and lack; raises DataError."""
    return checked(job.origin, result.files, job.start_ms, result.end_ms)


def checked(origin: RowsOrigin, files: Sequence[Path], start_ms: int, end_ms: int) -> list[str]:
    """Says the same of files in order of time, which should hold all there is from `start_ms` until before `end_ms`."""
    interval_ms = interval_ns(origin.interval) // 1_000_000 if origin.interval else 0
    check, repeats = HistoryCheck(origin.kind, interval_ms, start_ms, end_ms), 0
    for path in files:
        said = about(path)
        repeats += said.repeats if said is not None else 0
        for part in tables(path, start_ms, end_ms):
            check.add(str(path), part)
    return check.lines(repeats)


def merge(job: Job, result: Result, path: Path, rates: Sequence[SettledRate] | None = None) -> int:
    """Writes the job's rows into one Parquet file; returns their number. Memory does not grow with the file.

    - rates: a swap's, in order of time: each bar gets the one that was known at its end, as `funding_rate`, and for how
      many hours that is one.
    """
    if not result.files:
        raise DataError(f"--merge {path}: there are no rows to write: the exchange has none")
    parts = (part for month in result.files for part in tables(month, job.start_ms, result.end_ms))
    source = Coverage(origin=job.origin, start_ms=job.start_ms, end_ms=result.end_ms, repeats=0)
    kind = KINDS[job.origin.kind]
    if rates is None:
        return write(path, kind, source, parts)
    length = interval_ns(job.origin.interval)
    funded = kind._replace(columns=(*kind.columns, FUNDING_RATE, FUNDING_INTERVAL))
    return write(path, funded, source, (_with_rates(part, length, rates) for part in parts))


def _with_rates(part: Any, length: int, rates: Sequence[SettledRate]) -> Any:
    ends = (at_ms * NS_PER_MS + length for at_ms in part[TIME].cast(pa.int64()).to_pylist())
    found = [rate_at(rates, end) for end in ends]
    texts = [None if one is None else format(one.rate, "f") for one in found]
    before = {later.ts_event: hours_between(one.ts_event, later.ts_event) for one, later in pairwise(rates)}
    hours = [None if one is None else before.get(one.ts_event) for one in found]
    with_rates = part.append_column(FUNDING_RATE, pa.array(texts, pa.string()))
    return with_rates.append_column(FUNDING_INTERVAL, pa.array(hours, pa.int64()))


def funding_job(job: Job) -> Job:
    """Returns the job of the funding rates that a job's bars need: from a day before, to know the first bar's."""
    origin = job.origin._replace(kind=KindName.FUNDING, interval="")
    return job._replace(origin=origin, start_ms=job.start_ms - DAY_MS)


def settled_rates(result: Result) -> list[SettledRate]:
    """Returns the rates of a download of funding, in order of time."""
    rows = (row for path in result.files for part in tables(path, 0, result.end_ms) for row in part.to_pylist())
    return [SettledRate(round(row[TIME].timestamp() * 1000) * NS_PER_MS, Decimal(row["rate"])) for row in rows]


def require_merge_path(job: Job, path: Path) -> None:
    """Refuses at once, with a ConfigError, what `merge` could not write."""
    if path.suffix.lower() not in PARQUET_SUFFIXES:
        raise ConfigError(f"--merge {path}: it becomes a Parquet file: name it .parquet")
    if path.parent.resolve() == job.place.resolve():
        raise ConfigError(f"--merge {path}: that folder is the months' own: name another")
    if not path.parent.is_dir():
        raise ConfigError(f"--merge {path}: there is no folder {path.parent}: make it")
