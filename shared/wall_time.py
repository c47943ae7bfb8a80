"""Times for a person: on the clock of this machine's zone, or of UTC, and back from what a person types."""

from datetime import UTC, datetime, timedelta

from shared.intervals import NS_PER_S, interval_ns

_HOW = "write e.g. 12:00, 2024-10-29, 2024-10-29T12:00, 2024-10-29T12:00:00Z, or how long ago, e.g. 90m, 2h, 3d"
_SOON_NS = 10 * NS_PER_S
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_TWICE = 2  # so many of a unit before it is the one that an age is told in: 90 min, 36 h


class WallTime:
    """A wall time is a clock on the wall: of this machine's zone (TZ), or of UTC. Instants are ns since 1970.

    - utc: whether it is UTC's.

    >>> wall = WallTime(utc=True)
    >>> wall.second(1_763_985_600_000_000_000), wall.clock(1_763_985_600_000_000_000)
    ('2025-11-24 12:00:00 UTC', '12:00:00')
    """

    def __init__(self, *, utc: bool) -> None:
        self.utc = utc

    def second(self, ns: int) -> str:
        """Returns an instant to the second, with its zone."""
        at = self._at(ns)
        return f"{at:%Y-%m-%d %H:%M:%S} {at:%Z}"

    def millisecond(self, ns: int) -> str:
        """Returns an instant to the millisecond, with its zone.

        >>> WallTime(utc=True).millisecond(1_763_985_600_123_456_789)
        '2025-11-24 12:00:00.123 UTC'
        """
        at = self._at(ns)
        return f"{at:%Y-%m-%d %H:%M:%S}.{ns % NS_PER_S // 1_000_000:03d} {at:%Z}"

    def clock(self, ns: int) -> str:
        """Returns an instant's time of day, for a line that tells day and zone elsewhere."""
        return f"{self._at(ns):%H:%M:%S}"

    def day(self, ns: int) -> str:
        """Returns an instant's day, e.g. `2025-11-24`."""
        return f"{self._at(ns):%Y-%m-%d}"

    def zone(self, ns: int) -> str:
        """Returns the zone's name at that time, e.g. `CET`, `CEST` or `UTC`."""
        return f"{self._at(ns):%Z}"

    def midnight_ns(self, ns: int) -> int:
        """Returns when that instant's day began.

        >>> WallTime(utc=True).midnight_ns(1_763_985_600_123_456_789)
        1763942400000000000
        """
        at = self._at(ns)
        begun = datetime(at.year, at.month, at.day, tzinfo=UTC if self.utc else None)
        return int(begun.timestamp()) * NS_PER_S

    def read(self, text: str, now_ns: int) -> int:
        """Returns the instant that a person means; raises ValueError with what to write.

        A time of day is the last one that was, a day its beginning, a length (`2h`) so long ago. Without an offset it
        is on this clock; of a time that was twice the first.

        >>> wall, now_ns = WallTime(utc=True), 1_763_985_600_000_000_000
        >>> [wall.second(wall.read(text, now_ns)) for text in ("11:30", "12:30", "2h")]
        ['2025-11-24 11:30:00 UTC', '2025-11-23 12:30:00 UTC', '2025-11-24 10:00:00 UTC']
        >>> wall.read("noon", now_ns)
        Traceback (most recent call last):
        ValueError: 'noon' is no time: write e.g. 12:00, ...
        """
        text = text.strip()
        try:
            return self._time_of_day(text, now_ns) if text[1:3].count(":") else self._instant(text, now_ns)
        except (ValueError, OverflowError, OSError) as error:
            raise ValueError(f"{text[:40]!r} is no time: {_HOW}") from error

    def _instant(self, text: str, now_ns: int) -> int:
        if text[-1:] in ("s", "m", "h", "d"):
            return now_ns - interval_ns(text)
        if text.isdigit() and len(text) == len(str(now_ns)):
            return int(text)  # as it stands in a message
        return self._ns(datetime.fromisoformat(text))

    def _time_of_day(self, text: str, now_ns: int) -> int:
        at = datetime.strptime(text, "%H:%M:%S" if text.count(":") > 1 else "%H:%M")
        today = self._at(now_ns).replace(hour=at.hour, minute=at.minute, second=at.second, microsecond=0, tzinfo=None)
        found = self._ns(today)
        # Typed at 11:59:58, 12:00 is today's: the clocks of two machines differ.
        return found if found <= now_ns + _SOON_NS else self._ns(today - timedelta(days=1))

    def _ns(self, at: datetime) -> int:
        if at.tzinfo is None and self.utc:
            at = at.replace(tzinfo=UTC)
        return int(at.replace(microsecond=0).timestamp()) * NS_PER_S + at.microsecond * 1_000

    def _at(self, ns: int) -> datetime:
        at = datetime.fromtimestamp(ns // NS_PER_S, UTC)
        return at if self.utc else at.astimezone()


UTC_TIME = WallTime(utc=True)
LOCAL_TIME = WallTime(utc=False)


def age(ns: int) -> str:
    """Returns how long something takes or took, in the unit that a person thinks in.

    >>> [age(s * NS_PER_S) for s in (0, 12, 119, 121, 7_300, 200_000)], age(250_000_000)
    (['0.0 s', '12 s', '119 s', '2 min', '2 h', '2 d'], '0.2 s')
    """
    seconds = max(ns, 0) / NS_PER_S
    for size, unit in _UNITS:
        if seconds >= _TWICE * size and size > 1:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def iso(ns: int) -> str:
    """Returns an instant as JSON has it, always UTC: whole ns, without trailing zeros.

    >>> iso(1_763_985_600_123_000_000), iso(1_763_985_600_000_000_000)
    ('2025-11-24T12:00:00.123Z', '2025-11-24T12:00:00Z')
    """
    seconds, rest = divmod(ns, NS_PER_S)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"
