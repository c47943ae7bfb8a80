"""A local HTTP sink takes what the alerts send. It can be slow, refuse, or be gone."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

SECRET = "s3cr3t-t0ken"


class Sink:
    """A sink on a free port.

    - messages: title and body of what came by POST, in order. beats: how often it was asked by GET.
    - status: what it answers. open: it answers while this is set.
    """

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.beats = 0
        self.status = 200
        self.open = threading.Event()
        self.open.set()
        self.asked = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        cast(Any, self._server).sink = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """As apprise writes it, with a secret in it."""
        return f"json://127.0.0.1:{self.port}/{SECRET}"

    @property
    def heartbeat(self) -> str:
        return f"http://127.0.0.1:{self.port}/ping/{SECRET}"

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.messages]

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        sink = cast(Sink, cast(Any, self.server).sink)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        sink.asked.set()
        sink.open.wait()
        if sink.status == 200:
            sink.messages.append((body["title"], body["message"]))
        self._answer(sink.status)

    def do_GET(self) -> None:
        sink = cast(Sink, cast(Any, self.server).sink)
        sink.beats += 1
        self._answer(sink.status)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def sinking() -> Iterator[Sink]:
    """A sink for the while."""
    sink = Sink()
    try:
        yield sink
    finally:
        sink.close()
