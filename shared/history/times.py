"""Times as files hold them, as ns since 1970 UTC. A ValueError says what is wrong; its catcher adds the row."""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple

from shared.history.zone import Zone
from shared.intervals import NS_PER_S

ISO_8601 = "ISO 8601"
TIMESTAMP = "timestamp"
MAX_NS = 2**63 - 1

# 10 digits are seconds from 2001 to 2286, 13 are milliseconds of the same years, and so on: nothing fits two of them.
# Other lengths (20241029, 20241029120000) may be something else entirely, so they are refused.
_EPOCH = {
    10: (NS_PER_S, "epoch seconds"),
    13: (1_000_000, "epoch milliseconds"),
    16: (1_000, "epoch microseconds"),
    19: (1, "epoch nanoseconds"),
}
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?)?(?: ?(Z|[+-]\d\d(?::?\d\d)?))?", re.ASCII
)
_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_1970_UTC = datetime(1970, 1, 1)  # as a time without an offset is meant
_USUAL = len("2024-10-29T12:00:00")  # this form is read at a third of the cost
_SECOND = timedelta(seconds=1)
_new = tuple.__new__  # of a named tuple, at half the cost of its constructor
_HOW = "write e.g. 2024-10-29T12:00:00Z, or epoch s, ms, us or ns as an integer"


class Instant(NamedTuple):
    """An instant is a time, and the form in which it was written; one file has one form."""

    ns: int
    form: str


def text_time(text: str, zone: Zone | None = None) -> Instant:
    """Returns the time in a text: ISO 8601 (without an offset it is of `zone`, by default UTC) or an integer epoch.

    >>> text_time("2024-10-29T12:00:00.000000001+02:00")
    Instant(ns=1730196000000000001, form='ISO 8601')
    >>> text_time("1730196000000")
    Instant(ns=1730196000000000000, form='epoch milliseconds')
    >>> text_time("29/10/2024")
    Traceback (most recent call last):
    ValueError: time '29/10/2024' is unreadable: write e.g. 2024-10-29T12:00:00Z, or epoch s, ms, us or ns as an integer
    """
    if (
        zone is None
        and len(text) == _USUAL
        and text[4] == text[7] == "-"
        and text[13] == text[16] == ":"
        and text[10] in "T "
    ):
        try:
            apart = datetime.fromisoformat(text) - _1970_UTC
            return _in_range((86_400 * apart.days + apart.seconds) * NS_PER_S, ISO_8601, text)
        except ValueError:
            pass  # below it is said what is wrong
    text = text.strip()
    match = _ISO.fullmatch(text)
    if match is not None:
        date, clock, fraction, offset = match.groups()
        try:
            ns = _seconds(date, clock or "00:00", offset or "Z") * NS_PER_S
        except (ValueError, OverflowError) as error:
            raise ValueError(f"time {text!r} is unreadable ({error}): correct it") from error
        if fraction:
            ns += int(fraction.ljust(9, "0"))
        if zone is not None and not offset:
            ns = zone.written_ns(ns, text)
        return _in_range(ns, ISO_8601, text)
    if text.isascii() and text.isdigit():
        return epoch_time(int(text[:40]))
    if not text:
        raise ValueError("time is missing: fill it in or remove the row")
    raise ValueError(f"time {text[:40]!r} is unreadable: {_HOW}")


def epoch_time(count: int) -> Instant:
    """Returns the time of a count since 1970; the number of its digits decides its unit.

    >>> epoch_time(1730196000)
    Instant(ns=1730196000000000000, form='epoch seconds')
    >>> epoch_time(20241029)
    Traceback (most recent call last):
    ValueError: time 20241029 is of no certain unit (10 digits: s, 13: ms, 16: us, 19: ns): write e.g. ...
    """
    unit = _EPOCH.get(len(str(count))) if count > 0 else None
    if unit is None:
        raise ValueError(f"time {count} is of no certain unit (10 digits: s, 13: ms, 16: us, 19: ns): {_HOW}")
    return _in_range(count * unit[0], unit[1], count)


def timestamp_time(count: int, unit_ns: int, zone: Zone | None = None) -> Instant:
    """Returns the time of a count of `unit_ns` since 1970, on the clock of `zone` if there is one, else UTC.

    >>> timestamp_time(1730196000, NS_PER_S)
    Instant(ns=1730196000000000000, form='timestamp')
    """
    ns = _in_range(count * unit_ns, TIMESTAMP, count).ns
    return _in_range(ns if zone is None else zone.written_ns(ns, time_text(ns)), TIMESTAMP, count)


def time_text(ns: int) -> str:
    """Returns a time as a person reads it.

    >>> time_text(1_730_196_000_000_000_001), time_text(1_730_196_000_000_000_000)
    ('2024-10-29T10:00:00.000000001Z', '2024-10-29T10:00:00Z')
    """
    seconds, rest = divmod(ns, NS_PER_S)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{(_1970_UTC + timedelta(seconds=seconds)).isoformat()}{fraction}Z"


def _in_range(ns: int, form: str, shown: object) -> Instant:
    if not 0 <= ns <= MAX_NS:
        raise ValueError(f"time {str(shown)[:40]} is not between 1970 and 2262: correct it")
    return _new(Instant, (ns, form))


def _seconds(date: str, clock: str, offset: str) -> int:
    minutes, seconds = _minutes(clock[:5]), int(clock[6:] or 0)
    if seconds > 59:
        raise ValueError(f"there is no {clock} o'clock")
    return _midnight(date, offset) + 60 * minutes + seconds


@lru_cache(maxsize=1_440)
def _minutes(clock: str) -> int:
    """Minutes since midnight."""
    hours, minutes = int(clock[:2]), int(clock[3:])
    if hours > 23 or minutes > 59:
        raise ValueError(f"there is no {clock} o'clock")
    return 60 * hours + minutes


@lru_cache(maxsize=64)
def _midnight(date: str, offset: str) -> int:
    """Seconds since 1970 of midnight; rows of one day come together, so most are remembered."""
    if offset == "Z":
        zone = UTC
    else:
        digits = offset[1:].replace(":", "").ljust(4, "0")
        if digits[2:] > "59":
            raise ValueError(f"there is no offset {offset}")
        zone = timezone((1 if offset[0] == "+" else -1) * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))
    return (datetime.fromisoformat(date).replace(tzinfo=zone) - _1970) // _SECOND
