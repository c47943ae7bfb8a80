"""An order on its way out: its request is made while the journal writes, and goes when that has written."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from shared.exchanges.trading.reply import NotCleared
from shared.exchanges.trading.venue import Cleared

Work = Coroutine[Any, Any, None]


class PreparedSend:
    """send: makes the request and awaits what it is given before it writes it. spawn: runs that beside all else.

    barred: asked at the last moment why it may not go after all; empty when it may.
    """

    def __init__(
        self, send: Callable[[Cleared], Work], spawn: Callable[[Work], None], barred: Callable[[], str]
    ) -> None:
        self._send: Callable[[Cleared], Work] | None = send
        self._spawn = spawn
        self._barred = barred
        self._journaled = asyncio.Event()

    def prepare(self) -> None:
        """Begin to make the request, unless it is begun."""
        send, self._send = self._send, None
        if send is not None:
            self._spawn(send(self._cleared))

    def go(self) -> None:
        """It is in the journal as SENT."""
        self._journaled.set()
        self.prepare()

    async def _cleared(self) -> None:
        await self._journaled.wait()
        if why := self._barred():
            raise NotCleared(why)
