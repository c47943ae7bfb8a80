"""The HTTP server: what an exchange serves at `https://HOST/PATH` is at `http://127.0.0.1:PORT/HOST/PATH`."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any

from aiohttp import web

from services.simulator.engine.faults import Fault, FaultMode, RandomFaults
from services.simulator.http.request import ApiError, Handler, HttpAnswer, HttpRequest

MS = 1000
ADMIN = "_fake/"
KEPT = 100_000
WebsocketHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SimulatorServer:
    """Serves a dialect's routes while its context lasts.

    - routes: the handler of each `METHOD HOST/PATH`.
    - port: 0 takes a free one; `url` has it.
    - faults: strike chosen requests; may be added to at any time.
    - random_faults: strike the other ones, at random.
    - requests: the last 100,000 that came, those of the admin apart.
    - admin: the handler of `POST /_fake/NAME`, by name.
    - websockets: serves a websocket at any path; None: there are none.
    - came: called with each request as it comes, also with those that a fault strikes.
    - before: called with each request that reaches the exchange, just before it is answered.
    """

    def __init__(
        self, routes: Mapping[str, Handler], *faults: Fault, port: int = 0, random_faults: RandomFaults | None = None
    ) -> None:
        self.faults = list(faults)
        self.random_faults = random_faults or RandomFaults()
        self.requests: deque[HttpRequest] = deque(maxlen=KEPT)
        self.admin: dict[str, Handler] = {}
        self.websockets: WebsocketHandler | None = None
        self.came: Callable[[HttpRequest], None] = lambda request: None
        self.before: Callable[[HttpRequest], None] = lambda request: None
        self.url = ""
        self._port = port
        self._routes = routes
        self._news = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self._late: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "SimulatorServer":
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for fault in self.faults:
            fault.release.set()
        assert self._runner is not None
        for task in list(self._late):
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        await self._runner.cleanup()

    @property
    def late(self) -> int:
        """Returns the number of requests that a LATE fault still holds back."""
        return len(self._late)

    def count(self, path: str, method: str = "") -> int:
        """Returns how many requests had this in their target."""
        return sum(path in request.target and method in ("", request.method) for request in self.requests)

    async def wait_for(self, path: str, count: int) -> None:
        """Waits until so many requests with this in their path have come."""
        async with self._news:
            await self._news.wait_for(lambda: self.count(path) >= count)

    async def _serve(self, came: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in came.headers.items()}
        request = HttpRequest(
            path=came.match_info["rest"],
            query=dict(came.query),
            method=came.method,
            raw_query=came.rel_url.raw_query_string,
            body=await came.text(),
            headers=headers,
        )
        if request.path.startswith(ADMIN):
            return self._answer(self.admin.get(request.path.removeprefix(ADMIN)), request)
        self.requests.append(request)
        self.came(request)
        async with self._news:
            self._news.notify_all()
        fault = self._fault(request)
        if fault is not None and fault.mode is FaultMode.LATE:
            self._route_later(fault, request)
            return await fault.answer(came, None)
        if fault is not None and fault.mode is FaultMode.SLOW:
            await asyncio.sleep(fault.delay_ms / MS)
            fault = None
        if fault is None and self.websockets is not None and headers.get("upgrade", "").lower() == "websocket":
            return await self.websockets(came)
        if fault is None:
            return self._routed(request)
        unseen = fault.mode in (FaultMode.STATUS, FaultMode.DROP, FaultMode.HTML) and not fault.after
        return await fault.answer(came, None if unseen else self._routed(request))

    def _fault(self, request: HttpRequest) -> Fault | None:
        struck = next((fault for fault in self.faults if fault.strikes(request.target, request.method)), None)
        return struck or self.random_faults.fault(request)

    def _route_later(self, fault: Fault, request: HttpRequest) -> None:
        async def arrive() -> None:
            await asyncio.sleep(fault.delay_ms / MS)
            self._routed(request)

        task = asyncio.create_task(arrive())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _routed(self, request: HttpRequest) -> web.Response:
        self.before(request)
        return self._answer(self._routes.get(f"{request.method} {request.path}"), request)

    def _answer(self, handler: Handler | None, request: HttpRequest) -> web.Response:
        status: int = 200
        body: Any
        headers: Mapping[str, str] = {}
        try:
            if handler is None:
                raise ApiError(404, {"code": -1, "msg": f"the fake exchange has no {request.method} {request.path}"})
            body = handler(request)
            if isinstance(body, HttpAnswer):
                body, headers = body
        except ApiError as error:
            status, body = error.status, error.body
        text = json.dumps(body, default=_plain).encode()
        return web.Response(status=status, body=text, content_type="application/json", headers=headers)


def _plain(value: object) -> str:
    """Writes a Decimal as exchanges do: never with an exponent."""
    return format(value, "f") if isinstance(value, Decimal) else str(value)
