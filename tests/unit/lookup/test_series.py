"""A series finds each message by its time, wherever the halving ends, and where numbers are missing."""

import pytest

from shared.lookup.series import SymbolSeries
from shared.lookup.stores import RECORDING, Place, StoredEntry, TimeSpan
from shared.messages import Stream
from tests.unit.runner.fakes import entry, tick


class Kept:
    """A store of ticks whose time is their number."""

    origin: Place = RECORDING

    def __init__(self, numbers: list[int]) -> None:
        self._rows = {n: entry(tick(n, "A"), n) for n in numbers}

    async def span(self, stream: Stream, sym: str) -> tuple[int, int]:
        return min(self._rows), max(self._rows)

    async def entries(self, stream: Stream, sym: str, first: int, last: int) -> list[StoredEntry]:
        kept = (self._rows[n] for n in sorted(self._rows) if first <= n <= last)
        return [StoredEntry(row.n, row.t.decode(), row.tr, row.d, 0, RECORDING) for row in kept]

    async def times(self, stream: Stream, symbols: object) -> TimeSpan | None:
        return None


@pytest.mark.parametrize("hole", [range(0), range(300, 700), range(64, 1_000)], ids=["none", "small", "large"])
async def test_each_message_is_found_by_its_time(hole: range) -> None:
    numbers = [n for n in range(1, 1_025) if n not in hole]
    series = SymbolSeries([Kept(numbers)], Stream.TICKS, "A")
    for n in numbers:
        at = tick(n, "A").ts_event
        assert [found.message.n for found in await series.within(at, at)] == [n]
