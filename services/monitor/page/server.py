"""The page's server: what a browser may ask, who is let in, and what every answer says about itself.

It runs in the monitor's loop beside its stage, and nothing of the stage waits for it. No answer is made of data: files
are sent as they are, data as JSON, and the browser puts them into the page as text.
"""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hmac import compare_digest
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.monitor.page.acts import PageActs
from services.monitor.page.details import prices_of, trace_of
from services.monitor.page.reader import PageReader
from services.monitor.page.session import LASTS_S, Bucket, Sessions, csrf_of
from services.monitor.page.stream import EventHub
from shared.bus.api import Bus, BusLost
from shared.config import Settings
from shared.config.monitor import PageSettings
from shared.errors import TicklineError
from shared.status.page_file import page_path

STATIC = Path(__file__).parent / "static"
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with none at all a form is sent without its origin
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
MOST_BYTES = 4_096  # of a request's body
MOST_CONNECTIONS = 64
AGAIN_S = 10.0  # after the port was not to be had
NOT_SIGNED_IN = "You are not signed in: the line's terminal, or `tickline page`, shows a one-time code."
WRONG_CODE = "That is not the code, or it was used before: `tickline page` shows a new one."
TOO_OFTEN = "That was too often: wait a moment."
FOREIGN = "That did not come from this page."

log = structlog.get_logger()

Answer = Callable[[Request], Awaitable[Response]]
Act = Callable[[str, str], Awaitable[tuple[int, dict[str, Any]]]]
Ask = Callable[[str], Awaitable[dict[str, Any] | None]]


class PageApp:
    """The app answers browsers.

    - hosts: the names, with their ports, by which they may call it.
    - act: does what a person wants: its name, and the word typed. trace, symbol: what a name leads to, None: nothing.
    """

    def __init__(
        self, hosts: Sequence[str], sessions: Sessions, hub: EventHub, act: Act, trace: Ask, symbol: Ask
    ) -> None:
        self._hosts = frozenset(name.lower() for name in hosts)
        self._sessions, self._hub, self._act = sessions, hub, act
        self._logins, self._acts = Bucket(per_s=0.2, burst=10), Bucket(per_s=0.5, burst=10)
        self._asked, self._requests = Bucket(per_s=5, burst=30), Bucket(per_s=50, burst=400)
        self._shell, self._form = (STATIC / "index.html").read_text(), (STATIC / "login.html").read_text()
        routes = [
            Route("/", self._page),
            Route("/login", self._login, methods=["GET", "POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/events", self._events),
            Route("/acts/{act}", self._do, methods=["POST"]),
            Route("/api/trace/{name:path}", self._asking(trace)),
            Route("/api/symbol/{name:path}", self._asking(symbol)),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]
        self._app: ASGIApp = Starlette(routes=routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; who calls it by another name, or too often, gets no further."""
        if scope["type"] != "http":
            return
        request = Request(scope)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                cached = "no-cache" if request.url.path.startswith("/static/") else "no-store"
                more = {**HEADERS, "cache-control": cached}
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in more.items())]
            await send(message)

        app = self._app
        if request.headers.get("host", "").lower() not in self._hosts:
            app = _said(421, f"This page is not called so: use {', '.join(sorted(self._hosts))}.")
        elif not self._requests.take():
            app = _said(429, TOO_OFTEN)
        await app(scope, receive, marked)

    async def _page(self, request: Request) -> Response:
        token = self._token(request)
        if token is None:
            return RedirectResponse("/login", 303)
        return HTMLResponse(self._shell.replace("CSRF_TOKEN", csrf_of(token)))

    async def _login(self, request: Request) -> Response:
        if request.method != "POST":
            return self._form_saying("")
        if not self._is_ours(request):
            return self._form_saying(FOREIGN, 403)
        if not self._logins.take():
            return self._form_saying(TOO_OFTEN, 429)
        body = await _body(request)
        code = parse_qs(body.decode(errors="replace")).get("code", [""])[0] if body is not None else ""
        token = self._sessions.enter(code)
        if token is None:
            log.warning("page: a wrong code")
            return self._form_saying(WRONG_CODE, 403)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(_cookie(request), token, max_age=LASTS_S, path="/", httponly=True, samesite="strict")
        return answer

    def _form_saying(self, sentence: str, status: int = 200) -> Response:
        return HTMLResponse(self._form.replace("LOGIN_SENTENCE", sentence), status)

    async def _logout(self, request: Request) -> Response:
        token = self._token(request)
        if token is None or not self._is_acting(request, token):
            return _said(403, FOREIGN)
        self._sessions.leave(token)
        answer = Response(status_code=204)
        answer.delete_cookie(_cookie(request), path="/", httponly=True, samesite="strict")
        return answer

    async def _events(self, request: Request) -> Response:
        token = self._token(request)
        if token is None:
            return _said(401, NOT_SIGNED_IN)
        if self._hub.full:
            return _said(503, "Too many pages are open: close one.")
        headers = {"x-accel-buffering": "no"}
        events = self._hub.stream(partial(self._sessions.knows, token))
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    def _asking(self, ask: Ask) -> Answer:
        async def answer(request: Request) -> Response:
            if self._token(request) is None:
                return _said(401, NOT_SIGNED_IN)
            if not self._asked.take():
                return _said(429, TOO_OFTEN)
            try:
                found = await ask(request.path_params["name"])
            except (BusLost, TicklineError) as error:
                return _said(503, f"It cannot be read now: {error}.")
            return _said(404, "Nothing is known of it any more.") if found is None else JSONResponse(found)

        return answer

    async def _do(self, request: Request) -> Response:
        token = self._token(request)
        if token is None:
            return _said(401, NOT_SIGNED_IN)
        if not self._is_acting(request, token):
            return _said(403, FOREIGN)
        if not self._acts.take():
            return _said(429, TOO_OFTEN)
        body = await _body(request)
        try:
            typed = json.loads(body or b"")["confirm"]
        except (ValueError, KeyError, TypeError):
            typed = None
        if not isinstance(typed, str):
            return _said(400, "The word that confirms it is missing.")
        status, answer = await self._act(request.path_params["act"], typed)
        return JSONResponse(answer, status)

    def _token(self, request: Request) -> str | None:
        token = request.cookies.get(_cookie(request))
        return token if self._sessions.knows(token) else None

    def _is_acting(self, request: Request, token: str) -> bool:
        given = request.headers.get("x-csrf", "")
        return self._is_ours(request) and given.isascii() and compare_digest(given, csrf_of(token))

    def _is_ours(self, request: Request) -> bool:
        """Says whether a page of ours sent it: a browser tells where each POST comes from."""
        host = request.headers["host"].lower()
        site, origin = request.headers.get("sec-fetch-site", "same-origin"), request.headers.get("origin", "").lower()
        return site == "same-origin" and origin in (f"http://{host}", f"https://{host}")


def _cookie(request: Request) -> str:
    """Returns the cookie's name: browsers tell hosts apart by their names, and not by their ports."""
    return f"tickline_{request.headers['host'].rpartition(':')[2]}"


def _said(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"done": False, "sentence": sentence, "command": None}, status)


async def _body(request: Request) -> bytes | None:
    """Returns the request's body; None where it is too long, or the browser went away."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                return None
    except ClientDisconnect:
        return None
    return body


class _Server(uvicorn.Server):
    """The signals are the monitor's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def bound(settings: PageSettings, last_port: int) -> socket.socket:
    """Returns the socket on which the page listens; raises OSError.

    - last_port: which it had before, which an open browser knows.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    wanted = [settings.port] if settings.port else [*([last_port] if last_port else []), 0]
    for port in wanted:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((settings.host, port))
            sock.listen()  # before anybody is told of it: who comes before the server is at work waits
        except OSError:
            sock.close()
            if port == wanted[-1]:
                raise
        else:
            return sock
    raise AssertionError


def names_of(settings: PageSettings, port: int) -> list[str]:
    """Returns by which names, with their ports, browsers may call the page; the first is shown.

    >>> names_of(PageSettings(), 8787)
    ['127.0.0.1:8787', 'localhost:8787']
    """
    own = [f"127.0.0.1:{port}", f"localhost:{port}"]
    return list(settings.hosts) or ([f"[::1]:{port}", own[1]] if settings.host == "::1" else own)


async def serve(app: PageApp, sock: socket.socket, hub: EventHub) -> None:
    """Serves until cancelled; then open streams end."""
    config = uvicorn.Config(
        app, http="h11", ws="none", lifespan="off", loop="none", log_config=None, access_log=False,
        server_header=False, date_header=False, proxy_headers=False, limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=1, h11_max_incomplete_event_size=16_384,
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        await asyncio.shield(serving)
    finally:
        hub.close()
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)


async def serve_page(settings: Settings, bus: Bus) -> None:
    """Serves the page until cancelled; where its port is taken it tries again, said once."""
    sessions = Sessions(page_path(settings.state_dir))
    sock, names = await _listen(settings.monitor.page, sessions)
    acts = PageActs(settings)
    reader = PageReader(settings, bus, acts.shown())
    hub = EventHub(reader.beat)
    app = PageApp(names, sessions, hub, acts.do, partial(trace_of, settings, bus), partial(prices_of, settings, bus))
    reading = asyncio.create_task(reader.run(hub))
    log.info("page", url=f"http://{names[0]}")
    try:
        await serve(app, sock, hub)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        sock.close()


async def _listen(own: PageSettings, sessions: Sessions) -> tuple[socket.socket, list[str]]:
    """Returns the socket, and the names by which browsers may call it, once it is to be had."""
    said = ""
    while True:
        sock = None
        try:
            sock = bound(own, sessions.port)
            names = names_of(own, sock.getsockname()[1])
            sessions.serve_at(f"http://{names[0]}", sock.getsockname()[1])
        except OSError as error:
            if sock is not None:  # nobody can be told where: a full disk, or a folder that is not ours
                sock.close()
            if str(error) != said:
                log.error("no page", why=f"{own.host}:{own.port}: {error.strerror or error}: it is tried again")
            said = str(error)
        else:
            return sock, names
        await asyncio.sleep(AGAIN_S)
