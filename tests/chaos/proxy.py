"""A TCP proxy between services and bus that is slow, loses replies, delivers requests late or twice, or goes silent."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any

from shared.bus.scripts import COMMIT

LATE_S = 4.0
AGAIN_S = 0.2  # for the server's answer to what it gets once more


class Fate(Enum):
    """What happens to one request that holds commits."""

    PASS = "pass"
    CLOSE = "reply swallowed, connection closed"
    SILENCE = "reply swallowed, connection silent"
    LATE = f"request delivered {LATE_S:g} s late"
    TWICE = "request delivered again, on another connection"


class Proxy:
    """Runs on a thread of its own. `fate` is asked for every request with commits; it may be changed at any time.

    met: how often each fate was met. outcomes: what the server answered to those, by fate and outcome.
    delay_s: how long every request is on its way; may be changed at any time, too.
    """

    def __init__(self, target_port: int, fate: Callable[[], Fate] = lambda: Fate.PASS) -> None:
        self.met: Counter[Fate] = Counter()
        self.outcomes: Counter[tuple[Fate, str]] = Counter()
        self.port = 0
        self.delay_s = 0.0
        self._cut = False
        self._target_port = target_port
        self.fate = fate
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where services connect."""
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self._do(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def freeze(self) -> int:
        """All connections go half-open: nothing passes either way, nothing is closed. New ones work. How many."""
        return self._do(self._freeze())

    def cut(self) -> int:
        """All connections go half-open, and new ones find nobody, until `heal`. How many."""
        self._cut = True
        return self.freeze()

    def heal(self) -> None:
        """New connections work again; those that went half-open stay so."""
        self._cut = False

    def drop(self) -> int:
        """All connections are closed. How many."""
        return self._do(self._drop())

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        await asyncio.sleep(0.05)  # let the handlers end

    async def _freeze(self) -> int:
        for connection in self._connections:
            connection.silent = True
        return len(self._connections)

    async def _drop(self) -> int:
        connections = list(self._connections)
        for connection in connections:
            connection.abort()
        return len(connections)

    async def _accept(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        try:
            server_in, server_out = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            client_out.close()
            return
        connection = _Connection(self, client_in, client_out, server_in, server_out)
        connection.silent = self._cut
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)

    def decide(self) -> Fate:
        """The fate of a request with commits."""
        fate = self.fate()
        self.met[fate] += 1
        return fate

    async def again(self, chunk: bytes) -> None:
        """Deliver a request once more, as a network may whose sender has long got its answer."""
        try:
            server_in, server_out = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            return
        server_out.write(chunk)
        reply = b""
        try:
            while more := await asyncio.wait_for(_read(server_in), AGAIN_S):
                reply += more
        except TimeoutError:
            self.answered(Fate.TWICE, b"\r\n" + reply)
        finally:
            server_out.close()

    def answered(self, fate: Fate, reply: bytes) -> None:
        """Count what the server answered to a request that did not simply pass."""
        for outcome in ("OK", "FENCED", "CONFLICT"):
            self.outcomes[fate, outcome] += reply.count(f"\r\n{outcome}\r\n".encode())


class _Connection:
    """One client's connection and ours to the server."""

    def __init__(
        self,
        proxy: Proxy,
        client_in: asyncio.StreamReader,
        client_out: asyncio.StreamWriter,
        server_in: asyncio.StreamReader,
        server_out: asyncio.StreamWriter,
    ) -> None:
        self.silent = False
        self._proxy = proxy
        self._client_in, self._client_out = client_in, client_out
        self._server_in, self._server_out = server_in, server_out
        self._fate = Fate.PASS
        self._decided = False  # for the request under way, which may come in several chunks

    def abort(self) -> None:
        self._client_out.close()
        self._server_out.close()

    async def run(self) -> None:
        up, down = asyncio.ensure_future(self._requests()), asyncio.ensure_future(self._replies())
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if self._fate is Fate.LATE and up.done():
                await asyncio.wait({down}, timeout=1)  # the client is gone, the late request is on its way
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            self.abort()

    async def _requests(self) -> None:
        while chunk := await _read(self._client_in):
            if self._proxy.delay_s:
                await asyncio.sleep(self._proxy.delay_s)
            if self.silent:
                continue
            if COMMIT.sha.encode() in chunk and not self._decided:
                self._decided = True
                self._fate = self._proxy.decide()
                if self._fate is Fate.LATE:
                    await self._late(chunk)
                    return
            if again := self._fate is Fate.TWICE:
                self._fate = Fate.PASS
            self._server_out.write(chunk)
            await self._server_out.drain()
            if again:
                await self._proxy.again(chunk)

    async def _late(self, chunk: bytes) -> None:
        await asyncio.sleep(LATE_S)
        while more := await _read_now(self._client_in):
            chunk += more
        self._server_out.write(chunk)
        await self._server_out.drain()

    async def _replies(self) -> None:
        while chunk := await _read(self._server_in):
            if self.silent:
                continue
            if self._fate is not Fate.PASS:
                while more := await _read_now(self._server_in):
                    chunk += more
                self._proxy.answered(self._fate, b"\r\n" + chunk)
                if self._fate is not Fate.SILENCE:
                    return
                self.silent = True
                continue
            self._decided = False
            self._client_out.write(chunk)
            await self._client_out.drain()


async def _read(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.read(1 << 18)
    except OSError:
        return b""


async def _read_now(stream: asyncio.StreamReader) -> bytes:
    """What comes within a moment."""
    try:
        return await asyncio.wait_for(_read(stream), 0.02)
    except TimeoutError:
        return b""
