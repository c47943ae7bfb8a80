"""A job says what to fetch, where it goes, and over which months."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from services.research.download.kinds import KindName
from shared.errors import ConfigError
from shared.history.times import text_time
from shared.intervals import interval_ns, interval_text

_SYM = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}", re.ASCII)


class RowsOrigin(NamedTuple):
    """An origin says where rows come from; rows of two do not stand in one file. interval: of bars only, else empty."""

    exchange: str
    market: str
    kind: KindName
    interval: str

    def __str__(self) -> str:
        return " ".join(part for part in self if part)


class Job(NamedTuple):
    """A Job goes from `start_ms` until before `end_ms`; None: the present."""

    origin: RowsOrigin
    sym: str
    start_ms: int
    end_ms: int | None
    folder: Path

    @property
    def place(self) -> Path:
        """Returns the folder of the months' files."""
        return self.folder / self.sym / "-".join(part for part in (self.origin.kind, self.origin.interval) if part)


def make_job(
    exchange: str,
    market: str,
    sym: str,
    kind: KindName,
    interval: str | None,
    start: str,
    end: str | None,
    folder: Path,
) -> Job:
    """Checks the options as written, as far as that goes without the exchange; raises ConfigError.

    >>> job = make_job("binance", "BTC/USDT", "BTCUSDT", KindName.OHLCV, "60m", "2024-01-01", None, Path("data"))
    >>> job.place.as_posix(), str(job.origin)
    ('data/BTCUSDT/ohlcv-1h', 'binance BTC/USDT ohlcv 1h')
    """
    if not _SYM.fullmatch(sym):
        raise ConfigError(
            f"--sym {sym[:64]!r}: write letters, digits, '.', '_' or '-', e.g. BTCUSDT: it names a folder"
        )
    start_ms, end_ms = _time_ms("--from", start), None if end is None else _time_ms("--to", end)
    if end_ms is not None and end_ms <= start_ms:
        raise ConfigError(f"--to {end} is not after --from {start}: --to is the end, itself not included")
    return Job(RowsOrigin(exchange, market, kind, _interval(kind, interval)), sym, start_ms, end_ms, folder)


def _interval(kind: KindName, interval: str | None) -> str:
    if kind is not KindName.OHLCV:
        if interval is not None:
            raise ConfigError(f"--interval {interval} is for --kind ohlcv: {kind} come one by one")
        return ""
    if interval is None:
        raise ConfigError("--kind ohlcv needs the bars' --interval, e.g. 12h")
    try:
        return interval_text(interval_ns(interval))
    except ValueError as error:
        raise ConfigError(f"--interval: {error}") from error


def _time_ms(option: str, text: str) -> int:
    try:
        return text_time(text).ns // 1_000_000
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from error


class MonthSpan(NamedTuple):
    """A MonthSpan is a calendar month in UTC, from `start_ms` until before `end_ms`. name: as in 2024-01."""

    name: str
    start_ms: int
    end_ms: int


def months(start_ms: int, end_ms: int) -> Iterator[MonthSpan]:
    """Returns the months that share a time with [start, end).

    >>> [month.name for month in months(1_703_980_800_000, 1_706_745_600_000)]
    ['2023-12', '2024-01']
    """
    first = datetime.fromtimestamp(start_ms / 1000, UTC)
    year, month = first.year, first.month
    while (begin := _ms(year, month)) < end_ms:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        yield MonthSpan(f"{datetime.fromtimestamp(begin / 1000, UTC):%Y-%m}", begin, _ms(year, month))


def _ms(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000
