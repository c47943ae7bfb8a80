"""A Source in memory, for the paging by itself: a history, and how a venue may cut and repeat it."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from services.research.download.kinds import HistoryRow


@dataclass
class Shelf:
    """window_ms: an answer covers so much time at most. repeat: the first row comes twice. early: older rows come too.

    exclusive: the row at the very time asked for does not come.
    """

    rows: Sequence[HistoryRow]
    page: int = 4
    by_id: bool = False
    apart_ms: int = 0
    window_ms: int = 1 << 62
    repeat: bool = False
    early: int = 0
    exclusive: bool = False
    only_latest: bool = False
    stuck: bool = False
    last_of_window: bool = False
    name: str = "shelf X/Y"
    asked: int = 0

    def limit(self, at_ms: int, end_ms: int) -> int:
        return self.page

    def cut_from(self, limit: int) -> int:
        return limit

    def step_ms(self, limit: int) -> int:
        return min(self.window_ms, 1 << 40)

    async def since(self, at_ms: int, limit: int) -> list[HistoryRow]:
        self.asked += 1
        if self.stuck:
            return [row for row in self.rows[:limit] if row.at_ms >= at_ms]  # ccxt drops older ones
        if self.only_latest:
            return [row for row in self.rows[-limit:] if row.at_ms >= at_ms]
        first = bisect.bisect_left(self.rows, at_ms + self.exclusive, key=lambda row: row.at_ms)
        found = [row for row in self.rows[max(first - self.early, 0) :] if row.at_ms < at_ms + self.window_ms]
        return self._repeated(found[-limit:] if self.last_of_window else found[:limit], limit)

    async def behind(self, last_id: int, limit: int) -> list[HistoryRow]:
        self.asked += 1
        if self.stuck:
            return list(self.rows[:limit])
        return self._repeated([row for row in self.rows if int(row.id) > last_id][:limit], limit)

    async def latest(self, limit: int) -> list[HistoryRow]:
        return list(self.rows[-limit:])

    def _repeated(self, rows: list[HistoryRow], limit: int) -> list[HistoryRow]:
        return [*rows[:1], *rows][:limit] if self.repeat else rows


def trade(number: int, at_ms: int) -> HistoryRow:
    return HistoryRow(at_ms, str(number), ("1",))


def bar(at_ms: int) -> HistoryRow:
    return HistoryRow(at_ms, "", ("1",))
