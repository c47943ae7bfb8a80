"""A file gives bars of its own interval, or of a multiple of it, with the groups that somebody needs."""

from collections.abc import Iterable, Iterator, Set
from pathlib import Path

from shared.errors import ConfigError, DataError
from shared.history import HistoryBar, bars, infer_interval, is_trades
from shared.history.bar import resample
from shared.history.files import fields_of, groups_of
from shared.history.zone import DAY_NS
from shared.intervals import interval_ns


def own_interval(path: Path, wanted: Iterable[str], timezone: str) -> str:
    """Returns the interval of a file's bars; of trades, which make bars of any length, the shortest that is wanted.

    Raises ConfigError for an unknown interval or time zone, DataError where the file has no interval.
    """
    found = list(wanted)
    if not found or not is_trades(path):
        return infer_interval(path, timezone)
    try:
        return min(found, key=interval_ns)
    except ValueError as error:
        raise ConfigError(f"--interval: {error}") from error


def bars_of(
    path: Path,
    own: str,
    interval: str,
    timezone: str = "",
    groups: Set[str] = frozenset(),
    who: str = "",
    fields: Set[str] = frozenset(),
) -> Iterator[HistoryBar]:
    """Returns the bars of `interval` that a file's bars of the interval `own` make.

    - groups: what is read beside the prices.
    - who: needs them, for a person.
    - fields: of the bar group those that not every file has.

    Raises DataError as the bars do, and where the file has no such columns.
    """
    require_columns(path, groups, who, fields)
    return longer(bars(path, own, timezone=timezone, groups=groups), own, interval, path, timezone)


def require_columns(path: Path, groups: Set[str], who: str, fields: Set[str] = frozenset()) -> None:
    """Raises DataError, by name, where a file does not have what somebody needs of it."""
    offered = groups_of(path) if groups else frozenset()
    missing = groups - offered
    if not missing and fields:
        offered |= fields_of(path)
        missing = fields - offered
    if missing:
        has = " and ".join(["the price", *sorted(offered)])
        raise DataError(
            f"{path}: {who} needs {' and '.join(sorted(missing))}, but the file has {has} only: pass a file with these "
            "columns (docs/price-files.md)"
        )


def longer(
    found: Iterable[HistoryBar], own: str, interval: str, path: Path, timezone: str = ""
) -> Iterator[HistoryBar]:
    """Returns bars of `interval`, made of those of a file of the interval `own`.

    Raises DataError where the one is no multiple of the other, and for whole days of a time zone that shorter bars of
    UTC do not make.
    """
    length, shortest = interval_ns(interval), interval_ns(own)
    if length % shortest:
        raise DataError(
            f"{path}: its bars are {own} long, which make no {interval}: pass --interval {own} or multiples"
        )
    if timezone and length != shortest and length % DAY_NS == 0:
        raise DataError(
            f"{path}: with --timezone no bars of {interval} are made of its {own}: pass --interval {own}, or other data"
        )
    return iter(found) if length == shortest else resample(found, length)
