"""A server of the page's files that says what a test gives it, with the headers of the monitor's own."""

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from typing import Any
from urllib.parse import unquote

from playwright.sync_api import Browser

import services.monitor
from tests.e2e.page_browser import Tabs

STATIC = Path(services.monitor.__file__).with_name("page") / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html; charset=utf-8"}
BEAT_S = 0.5

Answer = tuple[int, dict[str, Any]]


class PageServer:
    """Serves on one port, which it keeps over `stop` and `start`.

    beating: whether beats, and the first view, are sent
    signed_in: whether the page is given, or the login
    acts: what came with each act; answer: what an act is answered
    """

    def __init__(self) -> None:
        self.beating: bool = True
        self.signed_in = True
        self.stale: list[dict[str, Any]] = []
        self.view: dict[str, Any] | None = None
        self.token = "token-1"
        self.acts: list[tuple[str, str, str | None]] = []
        self.answer: Callable[[str], Answer] = lambda name: (
            200,
            {"done": True, "sentence": f"{name}: done.", "command": None},
        )
        self.told: dict[str, Answer] = {}
        self._streams: list[Queue[str | threading.Event | None]] = []
        self._port = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def streams(self) -> int:
        """How many are open."""
        return len(self._streams)

    def start(self) -> "PageServer":
        server = _Server(("127.0.0.1", self._port), _Handler)
        server.owner = self
        self._port = server.server_address[1]
        self._server = server
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            for queue in [*self._streams]:
                queue.put(None)
            self._server.server_close()
            self._server = None

    def hang(self) -> None:
        """Nothing is said any more, on streams that stay open; returns when nothing is under way either."""
        self.beating = False
        waiting = [threading.Event() for _ in self._streams]
        for queue, event in zip(self._streams, waiting, strict=True):
            queue.put(event)
        for event in waiting:
            event.wait()

    def say(self, view: dict[str, Any]) -> None:
        """Everyone who listens gets this view, and who comes later gets it first."""
        self.view = view
        for queue in [*self._streams]:
            queue.put(sent("view", view))


class Site(Tabs):
    """Tabs on a server that says what a test gives it."""

    def __init__(self, launched: Browser, server: PageServer, **options: Any) -> None:
        super().__init__(launched, server.url, **options)
        self.server = server


def sent(kind: str, data: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: PageServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        owner = self.server.owner
        path = unquote(self.path)
        if path == "/login":
            self._file("login.html", {"LOGIN_SENTENCE": ""})
        elif path.startswith("/static/"):
            self._file(path.removeprefix("/static/"), {})
        elif not owner.signed_in:
            self._reply(303, b"", "text/plain", {"Location": "/login"})
        elif path == "/":
            self._file("index.html", {"CSRF_TOKEN": owner.token})
        elif path == "/events":
            self._events()
        else:
            code, told = owner.told.get(path, (404, {"sentence": f"{path}: nothing is known of it."}))
            self._reply(code, json.dumps(told).encode(), "application/json")

    def do_POST(self) -> None:
        given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        name = self.path.removeprefix("/acts/")
        if self.path == "/logout":
            self.server.owner.signed_in = False
            code, told = 200, dict[str, Any]()
        else:
            self.server.owner.acts.append((name, json.loads(given)["confirm"], self.headers["X-CSRF"]))
            code, told = self.server.owner.answer(name)
        self._reply(code, json.dumps(told).encode(), "application/json")

    def _events(self) -> None:
        owner = self.server.owner
        queue: Queue[str | threading.Event | None] = Queue()
        owner._streams.append(queue)
        if owner.view is not None and owner.beating:
            queue.put(sent("view", owner.view))
        try:
            self._head(200, "text/event-stream", {})
            while True:
                try:
                    said = queue.get(timeout=BEAT_S)
                except Empty:
                    said = sent("beat", {"ms": 0, "stale": owner.stale}) if owner.beating else ":\n\n"
                if said is None:
                    break
                if isinstance(said, threading.Event):
                    said.set()
                    continue
                self.wfile.write(said.encode())
                self.wfile.flush()
        except OSError:
            pass
        finally:
            owner._streams.remove(queue)
            self.close_connection = True

    def _file(self, name: str, places: dict[str, str]) -> None:
        path = STATIC / name
        if not path.is_file():
            self._reply(404, b"", "text/plain")
            return
        text = path.read_text()
        for place, value in places.items():
            assert text.count(place) == 1, f"{name} has {place} not once"
            text = text.replace(place, value)
        self._reply(200, text.encode(), TYPES[path.suffix])

    def _reply(self, code: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self._head(code, kind, {"Content-Length": str(len(body)), **(more or {})})
        self.wfile.write(body)

    def _head(self, code: int, kind: str, more: dict[str, str]) -> None:
        self.send_response(HTTPStatus(code))
        headers = {
            "Content-Type": kind,
            "Content-Security-Policy": POLICY,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Connection": "close",  # one that is kept would be served on after `stop`
            **more,
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""
