"""Local days: when a bar of whole days ends where the clocks change."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from shared.intervals import NS_PER_S

DAY_NS = 86_400 * NS_PER_S
_1970 = datetime(1970, 1, 1)
_SECOND = timedelta(seconds=1)


class Zone:
    """A zone is the clock on the wall in a place. Wall times are ns since 1970-01-01T00:00 on that clock.

    - name: IANA's; raises ValueError where it is not known.

    >>> berlin = Zone("Europe/Berlin")
    >>> midnight = berlin.instant_ns(19_813 * DAY_NS)  # 2024-03-31, the day of 23 hours
    >>> (berlin.instant_ns(19_814 * DAY_NS) - midnight) // (3_600 * NS_PER_S), berlin.wall_ns(midnight) // DAY_NS
    (23, 19813)
    """

    def __init__(self, name: str) -> None:
        try:
            self._zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            what = "write its IANA name, e.g. Europe/Berlin" if available_timezones() else "apt-get install tzdata"
            raise ValueError(f"time zone {name[:40]!r} is unknown: {what}") from error
        self.name = name
        self._midnight_s = lru_cache(maxsize=64)(self._first_s)

    def wall_ns(self, ns: int) -> int:
        """Returns what the clock shows; at a day's first instant its midnight, also where the clock jumps it."""
        seconds, rest = divmod(ns, NS_PER_S)
        local = datetime.fromtimestamp(seconds, self._zone)
        day = (local.date() - _1970.date()).days
        if rest == 0 and seconds == self._midnight_s(day):
            return day * DAY_NS
        return (local.replace(tzinfo=None) - _1970) // _SECOND * NS_PER_S + rest

    def instant_ns(self, wall_ns: int) -> int:
        """Returns the instant at which the clock shows this; of two the first, and the one behind a jump.

        Raises ValueError beyond the years that a date can have.
        """
        days, rest = divmod(wall_ns, DAY_NS)
        if not rest:
            return self._midnight_s(days) * NS_PER_S
        seconds, rest = divmod(wall_ns, NS_PER_S)
        return self._instant_s(seconds) * NS_PER_S + rest

    def written_ns(self, wall_ns: int, text: str) -> int:
        """Returns `instant_ns` of a time in a file; raises ValueError where that time was twice or never."""
        found = self.instant_ns(wall_ns)
        if wall_ns % DAY_NS:
            if self.wall_ns(found) != wall_ns:
                raise ValueError(f"time {text!r} never was in {self.name}, where the clocks jump it: correct it")
            later = (_1970 + timedelta(seconds=wall_ns // NS_PER_S)).replace(tzinfo=self._zone, fold=1)
            if int(later.timestamp()) != found // NS_PER_S:
                raise ValueError(
                    f"time {text!r} was twice in {self.name}, where the clocks go back: write it with its offset"
                )
        return found

    def _first_s(self, day: int) -> int:
        return self._instant_s(day * DAY_NS // NS_PER_S)

    def _instant_s(self, wall_s: int) -> int:
        try:
            return int((_1970 + timedelta(seconds=wall_s)).replace(tzinfo=self._zone).timestamp())
        except (OverflowError, ValueError) as error:
            raise ValueError("time is not between 1970 and 2262: correct it") from error


def zone_of(name: str) -> Zone | None:
    """Returns the zone of a name; None for an empty one, which means UTC."""
    return Zone(name) if name else None


def start_of(interval_ns: int, zone: Zone | None) -> Callable[[int], int]:
    """Returns what gives a bar's start from its end: an interval before it, of whole days on the local clock.

    >>> hours = start_of(12 * 3_600 * NS_PER_S, Zone("Europe/Berlin"))
    >>> hours(DAY_NS) // (3_600 * NS_PER_S)
    12
    """
    if zone is None or interval_ns % DAY_NS:
        return lambda end_ns: end_ns - interval_ns
    return lambda end_ns: zone.instant_ns(zone.wall_ns(end_ns) - interval_ns)
