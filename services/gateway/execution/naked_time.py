"""The journal has since when a position is without the stop that it should have, and until when it was."""

import time
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import structlog

from services.gateway.execution.protection import Holding, ProtectTimes, covered, left_over
from shared.exchanges.trading.amounts import plain
from shared.journal.rows import EventRow, NakedRow
from shared.orders.stop_life import StopLife

if TYPE_CHECKING:
    from services.gateway.execution.session_context import SessionContext

log = structlog.get_logger()

NS_PER_MS = 1_000_000
ALARM = "ALARM"  # an event's kind


class NakedTime:
    """The time of one book's position without a stop; row: as the journal has it while it lasts."""

    def __init__(self, sym: str, book: str, context: "SessionContext", times: ProtectTimes) -> None:
        self.row: NakedRow | None = None
        self._sym, self._book, self._context, self._times = sym, book, context, times
        self._told = ""
        self._short_ms = 0  # since when the stops that wait are of less than is held; 0: they are not

    def load(self, rows: Sequence[NakedRow]) -> None:
        """Takes what the journal has of the book: one that has no end yet goes on."""
        self.row = next((row for row in reversed(rows) if not row.until_ms), None)

    async def note(self, holding: Holding, lives: Collection[StopLife], *, sure: bool) -> None:
        """Writes when it begins and when it ends; it alarms when it lasts, and when a stop is not there any more.

        - lives: the book's stops. sure: what is held is known, and not supposed.
        """
        now_ms, row = self._context.venue.now_ms(), self.row
        bare = sure and not covered(holding, lives, now_ms, self._times)
        if bare and row is None:
            had = (life.seen_ms or life.order_id for life in lives if life.opened_by == holding.opened_by)
            first = not any(had)
            why = "it has none yet" if first else "it is not there any more"
            from_ms = await self._filled_ms(holding.opened_by) if first else now_ms
            self.row = NakedRow(self._book, from_ms or now_ms, 0, holding.opened_by, why)
            await self._context.fenced.write([self.row])
            if not first:
                await self._alarm("the stop of the position is not there any more: another is placed")
        elif row is not None and (not bare or holding.opened_by != row.opened_by):
            await self._context.fenced.write([row._replace(until_ms=max(now_ms, row.from_ms))])
            self.row = None
        elif row is not None and now_ms > row.from_ms + self._times.naked_ms:
            await self._alarm(f"the position has had no stop for longer than {self._times.naked_ms / 1000:g} s")
        await self._note_short(left_over(holding, lives) if sure and not bare else Decimal(0), holding.held, now_ms)

    async def _note_short(self, left: Decimal, held: Decimal, now_ms: int) -> None:
        """Alarms when a part of the position stays without a stop: one of less is there, and none of all is taken."""
        if not left:
            self._short_ms = 0
        elif not self._short_ms:
            self._short_ms = now_ms
        elif now_ms > self._short_ms + self._times.naked_ms:
            what = f"{plain(left)} of the position of {plain(held)} has had no stop"
            await self._alarm(f"{what} for longer than {self._times.naked_ms / 1000:g} s: the one there is of less")

    async def _filled_ms(self, name: str) -> int:
        """Returns when the first trade of an order was, 0 where the journal has none yet."""
        fills = await self._context.journal.fills(client_order_id=name)
        return min((fill.at_ms for fill in fills), default=0)

    async def _alarm(self, text: str) -> None:
        """Alarms once for each time without a stop."""
        key = f"{self.row} {text}"
        if key != self._told:
            self._told = key
            log.error("alarm", sym=self._sym, what=text)
            at_ms = time.time_ns() // NS_PER_MS
            await self._context.fenced.write([EventRow(ALARM, self._sym, "", text, at_ms)])
