"""A part of a position that stays without a stop is told, as all of one is."""

from collections.abc import Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from services.gateway.execution.naked_time import NakedTime
from services.gateway.execution.protection import Holding, Place, ProtectTimes, WantedStop
from services.gateway.execution.stop_records import placed_life
from shared.journal.rows import Change, EventRow
from shared.messages.reasons import StopKind
from shared.orders.stops import StopPhase

D = Decimal
TRAILS = WantedStop(D(100), D(300))
LIES = placed_life(Place(StopKind.TRAIL, TRAILS, D(1), "entry", 0, False), "b", "BTCUSDT", 0, 1_000)._replace(
    phase=StopPhase.WAITING, seen_ms=1
)
TIMES = ProtectTimes(naked_ms=5_000, trigger_ms=10_000)


class Told:
    """What the journal has been told, by an exchange whose clock is `now_ms`."""

    def __init__(self) -> None:
        self.now_ms, self.alarms, self.rows = 1_000, list[str](), list[Change]()
        context: Any = SimpleNamespace(
            venue=SimpleNamespace(now_ms=lambda: self.now_ms), fenced=SimpleNamespace(write=self._write)
        )
        self.naked = NakedTime("BTCUSDT", "b", context, TIMES)

    async def _write(self, changes: Sequence[Change]) -> None:
        self.alarms += [row.text for row in changes if isinstance(row, EventRow)]
        self.rows += [row for row in changes if not isinstance(row, EventRow)]

    async def at(self, now_ms: int, held: int, *lives: Any) -> None:
        self.now_ms = now_ms
        await self.naked.note(Holding(D(held), "entry", {StopKind.TRAIL: TRAILS}), lives, sure=True)


async def test_what_was_added_and_gets_no_stop_is_told_once() -> None:
    """The exchange refuses one of all that is held: the one of before it was added stays, and is of less."""
    told = Told()
    await told.at(1_000, 1, LIES)
    await told.at(2_000, 3, LIES)
    await told.at(7_000, 3, LIES)
    assert told.alarms == []
    await told.at(7_001, 3, LIES)
    await told.at(9_000, 3, LIES)
    assert told.alarms == ["2 of the position of 3 has had no stop for longer than 5 s: the one there is of less"]
    assert told.rows == [], "it is not without any"


async def test_what_is_replaced_in_time_is_no_alarm() -> None:
    told = Told()
    await told.at(1_000, 3, LIES)
    await told.at(2_000, 3, LIES, LIES._replace(held_qty=D(3), revision=1))
    await told.at(3_000, 3, LIES)
    await told.at(8_000, 3, LIES)
    await told.at(8_001, 3, LIES._replace(whole=True))
    assert told.alarms == []
