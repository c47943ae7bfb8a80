"""What goes wrong between a client and a venue, by switch."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from aiohttp import web

HALF = 2


class Mode(Enum):
    """STATUS: another status. DROP: no answer. CUT: half of one. HTML: a proxy's page, with status 200. HOLD: wait."""

    STATUS = auto()
    DROP = auto()
    CUT = auto()
    HTML = auto()
    HOLD = auto()


@dataclass
class Fault:
    """Strikes requests whose path contains `path`: lets `skip` of them pass, then strikes `times`."""

    mode: Mode
    path: str = ""
    skip: int = 0
    times: int = 1
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    struck: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def strikes(self, path: str) -> bool:
        """Whether it is this request's turn; counts."""
        if self.path not in path or self.struck >= self.times:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.struck += 1
        return True

    async def answer(self, request: web.Request, good: web.Response) -> web.StreamResponse:
        """What the client gets instead of the good answer."""
        if self.mode is Mode.STATUS:
            text = '{"code":-1003,"msg":"Too many requests."}' if self.status in (418, 429) else "down for maintenance"
            return web.Response(status=self.status, text=text, headers=self.headers)
        if self.mode is Mode.HTML:
            return web.Response(text="<html><body>Please log in</body></html>", content_type="text/html")
        if self.mode is Mode.HOLD:
            await self.release.wait()
            return good
        assert request.transport is not None
        if self.mode is Mode.CUT:
            body = good.body
            assert isinstance(body, bytes)
            half = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
            await half.prepare(request)
            await half.write(body[: len(body) // HALF])
        request.transport.close()
        return good
