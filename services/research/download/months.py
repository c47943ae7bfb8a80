"""Calendar months in UTC, as milliseconds since 1970."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple


class Month(NamedTuple):
    """name: as in 2024-01. From `start_ms` until before `end_ms`."""

    name: str
    start_ms: int
    end_ms: int


def months(start_ms: int, end_ms: int) -> Iterator[Month]:
    """The months that share a time with [start, end).

    >>> [month.name for month in months(1_703_980_800_000, 1_706_745_600_000)]
    ['2023-12', '2024-01']
    """
    first = datetime.fromtimestamp(start_ms / 1000, UTC)
    year, month = first.year, first.month
    while (begin := _ms(year, month)) < end_ms:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        yield Month(f"{datetime.fromtimestamp(begin / 1000, UTC):%Y-%m}", begin, _ms(year, month))


def _ms(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000
