"""One list shows which stops wait in the account; each that it lacks is looked up by itself.

What it shows of ours that should not be there is cancelled: it is of an older position, or was placed late.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from services.gateway.execution.protector import Protector
from services.gateway.execution.symbol_stops import SymbolStops
from shared.errors import VenueError
from shared.journal.rows import EventRow
from shared.orders.stop_life import StopLife, Told
from shared.orders.stops import StopPhase, StopReport
from shared.side_by_side import side_by_side

if TYPE_CHECKING:
    from services.gateway.execution.session_context import SessionContext

log = structlog.get_logger()

ALARM, EXTERNAL = "ALARM", "EXTERNAL"  # kinds of events
MOST_UNLISTED = 3  # lists in a row that are not answered; from then on each stop is asked for by itself
AT_FULL_PACE = 10  # symbols; of more, each list costs more, and comes less often (Binance: a weight of 1 each)


class StopWatch:
    """The watch reads the list of stops every `stops_s`, while a position is protected or a stop is known.

    Of more than ten symbols it reads the list less often, at the same cost, and so it does where a list weighs much.
    """

    def __init__(self, protector: Protector, context: "SessionContext") -> None:
        self._protector, self._context = protector, context
        self._busy = 0  # symbols, when it last looked
        self._read_ms = 0
        self._unlisted = 0  # lists in a row that were not answered

    async def run(self, *, at_once: bool = False) -> None:
        """Reads for ever."""
        pause_s = 0.0 if at_once else self._context.config.stops_s
        while True:
            await asyncio.sleep(pause_s)
            if self._due():
                await self.once()
            pause_s = self._context.config.stops_s * max(self._busy / AT_FULL_PACE, 1.0)

    def _due(self) -> bool:
        """Says whether the next list is due, where one weighs much: at once where an entry's stop is to be shown."""
        symbols = self._protector.symbols.values()
        if any(life.phase is StopPhase.SENT and life.carried_by for stops in symbols for life in stops.known.live):
            return True
        return self._context.venue.now_ms() >= self._read_ms + self._context.venue.stops.form.list_ms

    async def once(self) -> None:
        """Reads once, if there is something to look at. Where the venue does not answer, nothing is known anew.

        A list may stay away while all else is answered: then a stop that is gone would be missed by nobody.
        """
        busy = {sym: stops for sym, stops in self._protector.symbols.items() if not stops.idle or stops.bare}
        self._busy = len(busy)
        listed = sorted(busy.keys() - self._context.venue.gone)
        if not listed:
            return
        asked_ms = self._read_ms = self._context.venue.now_ms()
        rows: list[StopReport] | None
        try:
            rows = await self._context.venue.stops.waiting(listed)
        except VenueError as error:
            log.warning("cannot list the stops", why=str(error))
            rows = await self._not_listed(str(error))
        else:
            self._unlisted = 0
        if rows is not None:
            shown: dict[str, list[StopReport]] = {sym: [] for sym in listed}
            for row in rows:
                if row.sym in shown:
                    shown[row.sym].append(row)
            await side_by_side(self._see(busy[sym], own, asked_ms) for sym, own in shown.items())
        for stops in busy.values():
            stops.changed.set()

    async def _not_listed(self, why: str) -> list[StopReport] | None:
        """Returns None, or no row at all where each stop is to be asked for by itself, which a person is told once."""
        self._unlisted += 1
        if self._unlisted < MOST_UNLISTED:
            return None
        if self._unlisted == MOST_UNLISTED:
            text = f"the list of stops is not answered: each is asked for by itself: {why}"
            log.error("alarm", what=text)
            await self._context.fenced.write([EventRow(ALARM, "", "", text[:300], time.time_ns() // 1_000_000)])
        return []

    async def _see(self, stops: SymbolStops, rows: Sequence[StopReport], asked_ms: int) -> None:
        """Takes the rows of one symbol."""
        async with stops.lock:
            known, shown = stops.known, set[str]()
            for row in rows:
                life = await self._whose(row, stops) or await self._of_journal(row, stops)
                if life is None:
                    continue
                shown.add(life.stop_id)
                life = known.apply(life.stop_id, Told(row, asked_ms))
                if not life.live and life.heard_ms + self._context.config.grace_ms < asked_ms:
                    await self._take_away(row, life)
            await known.save()
            for life in known.live:
                answered = life.phase is not StopPhase.SENT or life.carried_by not in ("", *stops.holding.entries())
                if life.stop_id not in shown and life.heard_ms < asked_ms and answered:
                    await stops.lookup.ask(life)

    async def _whose(self, row: StopReport, stops: SymbolStops) -> StopLife | None:
        """Returns which stop of ours a row is.

        One that has no id yet may have fired, and the row be somebody's who placed another since: so its trades are
        asked for before it takes the row's id. Nobody would look for them after that.
        """
        life = stops.known.whose(row)
        while life is not None and not (row.stop_id or life.venue_id):
            await stops.lookup.ask(life)
            asked, life = life.stop_id, stops.known.whose(row)
            if life is None or life.stop_id == asked:
                break
        return life

    async def _of_journal(self, row: StopReport, stops: SymbolStops) -> StopLife | None:
        """Returns the stop of ours that is not in memory any more: of an older position, or of another book."""
        life = await self._context.journal.stop(row.stop_id) if row.stop_id else None
        if life is not None and life.book == stops.book:
            stops.known.know(life)
        elif life is not None:
            await self._take_away(row, life)
            return None
        return life

    async def _take_away(self, row: StopReport, life: StopLife) -> None:
        """Cancels one that should not be there."""
        text = (
            f"stop {row.venue_id} at {row.trigger_price} is of {life.opened_by or 'an older position'}, and over here"
        )
        log.error("alarm", sym=row.sym, what=f"{text}: cancelled")
        at_ms = time.time_ns() // 1_000_000
        await self._context.fenced.write([EventRow(EXTERNAL, row.sym, life.stop_id, f"{text}: cancelled", at_ms)])
        await self._context.venue.stops.cancel(row)
