"""The HTTP server: `http://127.0.0.1:PORT/HOST/PATH` is what a venue serves as `https://HOST/PATH`."""

import asyncio
import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from aiohttp import web

from tests.fake_exchange.faults import Fault

Query = Mapping[str, str]


class Refused(Exception):
    """A venue's own error."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(status, body)
        self.status, self.body = status, body


class FakeVenue(Protocol):
    """routes: of `GET HOST/PATH`, what answers a query with something that becomes JSON, or raises Refused."""

    @property
    def routes(self) -> Mapping[str, Callable[[Query], object]]: ...


class Asked(NamedTuple):
    """One request that came."""

    path: str
    query: dict[str, str]


class FakeExchange:
    """Serves a venue on a free port while its context lasts. `asked`: what was; `faults`: what is to go wrong."""

    def __init__(self, venue: FakeVenue, *faults: Fault) -> None:
        self.faults = list(faults)
        self.asked: list[Asked] = []
        self.url = ""
        self._routes = venue.routes
        self._came = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> "FakeExchange":
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for fault in self.faults:
            fault.release.set()
        assert self._runner is not None
        await self._runner.cleanup()

    def count(self, path: str) -> int:
        """How many requests had this in their path."""
        return sum(path in asked.path for asked in self.asked)

    async def wait_for(self, path: str, count: int) -> None:
        """Until so many requests with this in their path have come."""
        async with self._came:
            await self._came.wait_for(lambda: self.count(path) >= count)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["rest"]
        self.asked.append(Asked(path, dict(request.query)))
        async with self._came:
            self._came.notify_all()
        good = self._answer(f"{request.method} {path}", request.query)
        for fault in self.faults:
            if fault.strikes(path):
                return await fault.answer(request, good)
        return good

    def _answer(self, route: str, query: Query) -> web.Response:
        status: int = 200
        body: Any
        try:
            answer = self._routes.get(route)
            if answer is None:
                raise Refused(404, {"code": -1, "msg": f"the fake exchange has no {route}"})
            body = answer(query)
        except Refused as refused:
            status, body = refused.status, refused.body
        return web.Response(status=status, body=json.dumps(body).encode(), content_type="application/json")
