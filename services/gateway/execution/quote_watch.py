"""The venue's quotes, asked for all symbols together."""

import asyncio
import time
from collections.abc import Sequence

import structlog

from services.gateway.execution.session_context import SessionContext
from shared.errors import VenueError

log = structlog.get_logger()

LEAST_S = 0.1


class QuoteWatch:
    """Hands quotes to `clearance`. every_s: between the beginnings of two looks, where the venue answers in time."""

    def __init__(self, syms: Sequence[str], tools: SessionContext, every_s: float) -> None:
        self._syms = syms
        self._tools = tools
        self._every_s = every_s

    async def run(self) -> None:
        """Look for ever."""
        took_s = 0.0
        while True:
            await asyncio.sleep(max(self._every_s - took_s, LEAST_S))
            begun_s = time.monotonic()
            await self.once()
            took_s = time.monotonic() - begun_s

    async def once(self) -> None:
        """A quote that is too old stands for none in the risk check, so a failed look needs no more than a log."""
        try:
            found = await self._tools.venue.quotes(self._syms)
        except VenueError as error:
            log.warning("no quotes", why=str(error))
            return
        self._tools.clearance.quotes.update(found)
        if missing := [sym for sym in self._syms if sym not in found]:
            log.warning("no quote", sym=", ".join(missing), why="the venue has none")
