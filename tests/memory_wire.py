"""A wire in memory between unmodified ccxt and a simulator, for tests in virtual time.

The wire stands in aiohttp's place: requests travel for some ms, messages come in their order.
"""

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple

import aiohttp
import pytest
import yarl
from aiohttp import WSMessage, WSMsgType
from multidict import CIMultiDict, CIMultiDictProxy

from services.simulator.dialects import DIALECTS
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.engine.matching_engine import MatchingEngine
from services.simulator.engine.prices import TradedPrices
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import HttpRequest
from services.simulator.http.server import SimulatorServer
from services.simulator.simulator import FEE, Simulator, TradePlan
from services.simulator.websocket.faults import FaultyStream, Strike, SubscriptionTrouble, Trouble
from services.simulator.websocket.frames import unframed
from services.simulator.websocket.server import WebsocketServer
from services.simulator.websocket.streams import ConnectionState, MessageStream, UnknownStream
from shared.exchanges.market_data import venue as venue_module
from shared.exchanges.market_data.client import make_market_data_client

THROTTLER = "ccxt.async_support.base.throttler"  # it took the clock that there was when it was loaded
MS = 1000
MOST = 512
REST_S = (0.002, 0.060)
SOCKET_S = (0.001, 0.040)
REST_MS = (2, 20)


@dataclass
class WiredSimulator(Simulator):
    """A simulator that only the wire reaches.

    dice: how long each request and message travels
    asked_s: when each path was asked for, by the loop's time
    passes: while it is not set, nothing goes through in either direction, and who waits goes on waiting
    """

    dice: random.Random
    asked_s: list[tuple[float, str]] = field(default_factory=list)
    passes: asyncio.Event = field(default_factory=asyncio.Event)
    sockets: "set[Socket]" = field(default_factory=set)

    def since_s(self, path: str) -> list[float]:
        """Returns when paths with this in them were asked for."""
        return [at_s for at_s, asked in self.asked_s if path in asked]

    async def answered(self, request: HttpRequest) -> "Answer":
        """Returns the simulator's answer to a request, when it has travelled."""
        await self.travel()
        server = self.server
        server.requests.append(request)
        self.asked_s.append((asyncio.get_running_loop().time(), request.path))
        fault = server._fault(request)
        if fault is not None and fault.mode is FaultMode.SLOW:
            await asyncio.sleep(fault.delay_ms / MS)
            fault = None
        if fault is not None and fault.mode is FaultMode.STATUS:
            return Answer(fault.status, fault.text or "down for maintenance", fault.headers)
        if fault is not None:
            raise aiohttp.ServerDisconnectedError
        routed = server._routed(request)
        assert isinstance(routed.body, bytes)
        await self.travel()
        return Answer(routed.status, routed.body.decode(), {"Content-Type": "application/json"})

    async def travel(self) -> None:
        await asyncio.sleep(self.dice.uniform(*REST_S))
        await self.passes.wait()


_wires: dict[str, WiredSimulator] = {}


@asynccontextmanager
async def wired(
    venue: str, *faults: Fault, plan: TradePlan, seed: int = 1, host: str = ""
) -> AsyncIterator[WiredSimulator]:
    """Puts a simulator on the wire while the context lasts. host: of its URL."""
    dialect = DIALECTS[venue]
    listings = dialect.listings
    clock, histories = plan.begin(listings, seed)
    state = SimulatorState(
        MatchingEngine(listings, TradedPrices(histories), {}, FEE, None), clock=clock, histories=histories
    )
    websockets = WebsocketServer(state, dialect.websocket(state, plan.kept))
    websockets.message_faults.seed = seed
    server = SimulatorServer(dialect.routes(state), *faults)
    host = host or f"wire-{len(_wires)}"
    server.url = f"http://{host}"
    _wires[host] = made = WiredSimulator(server, state, websockets, random.Random(seed))
    made.passes.set()
    try:
        yield made
    finally:
        del _wires[host]
        for socket in list(made.sockets):
            socket.abort()


@pytest.fixture
def wires(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends all of ccxt's requests and websockets over the wire."""

    def make(*given: Any) -> Any:
        made = make_market_data_client(*given)
        made.session, made.ssl_context = Session(), False
        return made

    monkeypatch.setattr(venue_module, "make_market_data_client", make)
    monkeypatch.setattr(venue_module, "SWEEP_S", math.inf)  # it takes half a second
    monkeypatch.setattr(import_module(THROTTLER), "time", lambda: time.time())


class Answer(NamedTuple):
    """A response as ccxt reads it."""

    status: int
    body: str
    fields: Mapping[str, str]
    reason: str = ""

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """The headers of the answer."""
        return CIMultiDictProxy(CIMultiDict(self.fields))

    async def text(self, errors: str = "strict") -> str:
        """Returns the body."""
        return self.body

    def release(self) -> None:
        """Does nothing: there is nothing to give back."""


class Session:
    """The part of aiohttp's ClientSession that ccxt uses."""

    headers: Mapping[str, str] = {}

    @asynccontextmanager
    async def get(self, url: yarl.URL, **given: Any) -> AsyncIterator[Answer]:
        """Yields the answer. Raises TimeoutError where none comes in time."""
        request = HttpRequest(url.path.lstrip("/"), dict(url.query), "GET", url.raw_query_string)
        async with asyncio.timeout(given["timeout"].total):
            answer = await _wire(url).answered(request)
        yield answer

    def ws_connect(self, url: str, **given: Any) -> "Socket":
        """Returns a connection that is made when it is entered."""
        return Socket(yarl.URL(url))

    async def close(self) -> None:
        """Does nothing: there is nothing to close."""


def _wire(url: yarl.URL) -> WiredSimulator:
    if url.host not in _wires:
        raise aiohttp.ClientConnectionError(f"nobody listens at {url.host}")
    return _wires[url.host]


class Socket:
    """A websocket, both of its ends."""

    _conn = None

    def __init__(self, url: yarl.URL) -> None:
        self._url = url
        self._came = asyncio.Queue[WSMessage]()
        self._sent = asyncio.Queue[tuple[float, WSMessage]]()
        self._streams: dict[str, tuple[MessageStream | None, FaultyStream]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._silent_until_s = 0.0
        self._connection: ConnectionState | None = None
        self.closed = False

    async def __aenter__(self) -> "Socket":
        self._wire = wire = _wire(self._url)
        request = HttpRequest(self._url.path.lstrip("/"), dict(self._url.query))
        await wire.travel()
        wire.asked_s.append((asyncio.get_running_loop().time(), request.path))
        fault = wire.server._fault(request)
        if fault is not None and fault.mode is FaultMode.STATUS:
            about = aiohttp.RequestInfo(self._url, "GET", CIMultiDictProxy(CIMultiDict()), self._url)
            headers = CIMultiDict(fault.headers)
            raise aiohttp.WSServerHandshakeError(about, (), status=fault.status, message="no", headers=headers)
        if fault is not None:
            await asyncio.sleep(fault.delay_ms / MS)
        await wire.travel()
        self._connection = wire.websockets.dialect.connect(request.path.split("/"), request.query)
        assert self._connection is not None, f"nobody is there at {request.path}"
        wire.sockets.add(self)
        self._start(self._pump())
        self._start(self._deliver())
        return self

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def receive(self) -> WSMessage:
        """Returns the next message."""
        return await self._came.get()

    async def send_str(self, text: str) -> None:
        """Sends a message to the simulator."""
        self._start(self._asked(text))

    async def ping(self) -> None:
        """Sends a ping; the pong is on its way at once."""
        self._send(WSMessage(WSMsgType.PONG, b"", None))

    async def pong(self, data: bytes) -> None:
        """Does nothing: nobody hears it."""

    def abort(self) -> None:
        """Tears the connection."""
        self._came.put_nowait(WSMessage(WSMsgType.ERROR, ConnectionResetError("torn"), None))
        self._silent_until_s = math.inf

    async def close(self) -> None:
        """Closes the connection, as the client does."""
        self.closed = True
        self._came.put_nowait(WSMessage(WSMsgType.CLOSED, None, None))
        self._wire.sockets.discard(self)
        for task in self._tasks:
            task.cancel()

    async def _asked(self, text: str) -> None:
        await self._wire.travel()
        for answer in self._answers(text):
            self._tell(answer)

    def _answers(self, text: str) -> Sequence[str]:
        websockets, connection = self._wire.websockets, self._connection
        assert connection is not None
        try:
            wanted = websockets.dialect.parse(connection, text)
        except ValueError as error:
            return [websockets.dialect.error_reply(connection, text, error)]
        befallen = {name: websockets.subscription_trouble(name) for name in wanted.subscribe}
        refused = [name for name, what in befallen.items() if what is SubscriptionTrouble.REFUSED]
        for name, what in befallen.items():
            try:
                stream = websockets.dialect.open_stream(name, websockets.state.now_ms())
            except UnknownStream:
                refused.append(name)
                continue
            if name not in self._streams and what is not SubscriptionTrouble.REFUSED:
                websockets.subscribed[name] += 1
                kept = stream if what is None else None
                self._streams[name] = kept, FaultyStream(name, websockets.message_faults, websockets.subscribed[name])
        if SubscriptionTrouble.UNANSWERED in befallen.values():
            return []
        return websockets.dialect.reply(connection, wanted, refused, list(self._streams))

    async def _pump(self) -> None:
        while True:
            now_ms = self._wire.state.now_ms()
            for stream, faulty in self._streams.values():
                frames = () if stream is None else stream.take(now_ms, MOST)
                told, strikes = faulty.through(frames, now_ms)
                for frame in told:
                    self._tell(unframed(frame).decode())
                for strike in strikes:
                    self._strike(strike)
            await asyncio.sleep(self._wire.dice.randint(*REST_MS) / MS)

    def _strike(self, strike: Strike) -> None:
        websockets, now_s = self._wire.websockets, asyncio.get_running_loop().time()
        if strike.trouble is Trouble.SILENCE:
            self._silent_until_s = now_s + strike.ms / MS if strike.ms else math.inf
        elif strike.trouble is Trouble.CLOCK_JUMP:
            websockets.jump(strike.ms, websockets.message_faults.jump_for_ms)
        else:
            torn = WSMessage(WSMsgType.ERROR, ConnectionResetError("torn"), None)
            self._send(torn if strike.torn else WSMessage(WSMsgType.CLOSE, 1001, None))
            self._silent_until_s = math.inf

    def _tell(self, text: str) -> None:
        if asyncio.get_running_loop().time() >= self._silent_until_s:
            self._send(WSMessage(WSMsgType.TEXT, text, None))

    def _send(self, message: WSMessage) -> None:
        due_s = asyncio.get_running_loop().time() + self._wire.dice.uniform(*SOCKET_S)
        self._sent.put_nowait((due_s, message))

    async def _deliver(self) -> None:
        """Delivers the messages in the order in which they were sent."""
        while True:
            due_s, message = await self._sent.get()
            await asyncio.sleep(max(due_s - asyncio.get_running_loop().time(), 0.0))
            await self._wire.passes.wait()
            self._came.put_nowait(message)
