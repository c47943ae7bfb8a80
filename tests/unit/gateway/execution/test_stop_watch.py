"""A list of stops that stays away hides no stop that is gone."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from services.gateway.execution.protection import Place, WantedStop
from services.gateway.execution.stop_records import placed_life
from services.gateway.execution.stop_watch import MOST_UNLISTED, StopWatch
from shared.errors import VenueError
from shared.exchanges.binance.stops import FORM
from shared.journal.rows import Change, EventRow
from shared.messages.reasons import StopKind
from shared.orders.stop_life import StopLife
from shared.orders.stops import StopPhase, StopReport

SYM = "BTCUSDT"
LIFE = placed_life(
    Place(StopKind.STOP, WantedStop(Decimal(95)), Decimal(2), "entry", 0, True), "b", SYM, 90_000, 5_000
)._replace(phase=StopPhase.WAITING, venue_id="7", seen_ms=95_000)


class Symbol:
    """One stop waits, as far as anybody knows; asked: those that were looked up by themselves."""

    idle = bare = False

    def __init__(self) -> None:
        self.changed, self.lock, self.asked = asyncio.Event(), asyncio.Lock(), list[str]()
        self.known = self.holding = self.lookup = self
        self.live = [LIFE]

    def entries(self) -> frozenset[str]:
        return frozenset()

    async def save(self) -> None:
        return

    async def ask(self, life: StopLife) -> bool:
        self.asked.append(life.stop_id)
        return True

    def whose(self, row: StopReport) -> StopLife:
        return LIFE

    def apply(self, stop_id: str, event: object) -> StopLife:
        return LIFE


async def test_where_lists_stay_away_each_stop_is_asked_for_and_a_person_is_told_once() -> None:
    answers, alarms = [True, *[False] * (MOST_UNLISTED + 1), True, *[False] * MOST_UNLISTED], list[str]()
    symbol = Symbol()

    async def waiting(syms: Sequence[str]) -> list[StopReport]:
        if not answers.pop(0):
            raise VenueError("HTTP 400")
        return [LIFE.report]

    async def write(changes: Sequence[Change]) -> None:
        alarms.extend(row.text for row in changes if isinstance(row, EventRow))

    venue = SimpleNamespace(now_ms=lambda: 100_000, gone=(), stops=SimpleNamespace(waiting=waiting, form=FORM))
    context: Any = SimpleNamespace(venue=venue, fenced=SimpleNamespace(write=write), config=SimpleNamespace(grace_ms=1))
    protector: Any = SimpleNamespace(symbols={SYM: symbol})
    watch, asked = StopWatch(protector, context), list[int]()
    while answers:
        await watch.once()
        asked.append(len(symbol.asked))
    assert asked == [0, 0, 0, 1, 2, 2, 2, 2, 3]
    assert alarms == ["the list of stops is not answered: each is asked for by itself: HTTP 400"] * 2
