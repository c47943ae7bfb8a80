"""What goes wrong between a client and a venue, by switch."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aiohttp import web

from services.simulator.engine.turns import Turns

HALF = 2
LIMITED = '{"code":-1003,"msg":"Too many requests."}'


class Mode(StrEnum):
    """STATUS: another status. DROP: no answer. CUT: half of one. HTML: a proxy's page, with status 200. HOLD: wait.

    SLOW: after `delay_ms` as if nothing were. LATE: no answer, and the venue gets the request `delay_ms` later.
    """

    STATUS = "STATUS"
    DROP = "DROP"
    CUT = "CUT"
    HTML = "HTML"
    HOLD = "HOLD"
    SLOW = "SLOW"
    LATE = "LATE"


@dataclass
class Fault(Turns):
    """Strikes requests whose path contains `path`: lets `skip` of them pass, then strikes `times`.

    after: the venue has taken the request before it strikes. method: only requests of that one. text: the body that
    comes with the status, e.g. an error of the venue's.
    """

    mode: Mode
    path: str = ""
    skip: int = 0
    times: int = 1
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False
    method: str = ""
    delay_ms: int = 0
    text: str = ""
    struck: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def strikes(self, path: str, method: str = "") -> bool:
        """Whether it is this request's turn; counts."""
        return self.path in path and self.method in ("", method) and self.turn()

    async def answer(self, request: web.Request, good: web.Response | None) -> web.StreamResponse:
        """What the client gets instead of the good answer. good: None where the venue has not seen the request."""
        if self.mode is Mode.STATUS:
            text = LIMITED if self.status in (418, 429) else "down for maintenance"
            return web.Response(status=self.status, text=self.text or text, headers=self.headers)
        if self.mode is Mode.HTML:
            return web.Response(text="<html><body>Please log in</body></html>", content_type="text/html")
        if self.mode is Mode.HOLD and good is not None:
            await self.release.wait()
            return good
        assert request.transport is not None
        if self.mode is Mode.CUT and good is not None:
            body = good.body
            assert isinstance(body, bytes)
            half = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
            await half.prepare(request)
            await half.write(body[: len(body) // HALF])
        request.transport.close()
        return good or web.Response()
