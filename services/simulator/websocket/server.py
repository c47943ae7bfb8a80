"""The websocket server: it pumps to each client what the client has subscribed to, as it happens, with its faults."""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Sequence

from aiohttp import WSCloseCode, WSMsgType, web

from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.websocket.faults import (
    FaultyStream,
    MessageFaults,
    Strike,
    SubscriptionFault,
    SubscriptionTrouble,
    Trouble,
)
from services.simulator.websocket.frames import framed
from services.simulator.websocket.streams import ConnectionState, MessageStream, UnknownStream, WebsocketDialect

MS = 1000
MOST = 512
LEAST_REST_MS, MOST_REST_MS = 2, 20
PING_S = 180.0
TOO_MANY = 429


class WebsocketServer:
    """Serves all websockets of a simulator.

    - dialect: how clients subscribe, and what streams there are.
    - waits_for: time may pass when so many streams were subscribed to.
    - connections_per_s: so many connections are let in in a second; 0: any number.
    - message_faults, subscription_faults: what befalls messages and subscriptions.
    - subscribed: how often each stream was subscribed to.
    - open: the connections.
    - turned_away: how many connections were not let in.
    """

    def __init__(
        self, state: SimulatorState, dialect: WebsocketDialect, waits_for: int = 1, connections_per_s: int = 0
    ) -> None:
        self.state, self.dialect = state, dialect
        self._waits_for, self._connections_per_s = waits_for, connections_per_s
        self.message_faults = MessageFaults()
        self.subscription_faults: list[SubscriptionFault] = []
        self.subscribed: Counter[str] = Counter()
        self.open: set[ClientConnection] = set()
        self.turned_away = 0
        self._came_s: deque[float] = deque()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serves one client until either side ends it."""
        state = self.dialect.connect(request.match_info["rest"].split("/"), request.query)
        if state is None:
            return web.Response(status=404)
        if not self._let_in():
            return web.Response(status=TOO_MANY)
        connection = ClientConnection(self, request, state)
        self.open.add(connection)
        try:
            return await connection.serve()
        finally:
            self.open.discard(connection)

    def pass_on(self) -> bool:
        """Lets time pass when nothing is left to tell a client; returns whether it did."""
        return self.subscribed.total() >= self._waits_for and self.state.clock.pass_on()

    def abort(self) -> None:
        """Tears all connections."""
        for connection in self.open:
            connection.abort()

    def jump(self, ms: int, for_ms: int) -> None:
        """Sets the simulator's clock ahead, and back after `for_ms`; 0: it stays."""
        self.state.skew_ms += ms
        if for_ms:
            asyncio.get_running_loop().call_later(for_ms / MS, self.jump, -ms, 0)

    def subscription_trouble(self, name: str) -> SubscriptionTrouble | None:
        """Returns what befalls a subscription to this stream, if anything."""
        return next((fault.what for fault in self.subscription_faults if fault.strikes(name)), None)

    def _let_in(self) -> bool:
        if not self._connections_per_s:
            return True
        now_s = asyncio.get_running_loop().time()
        while self._came_s and self._came_s[0] <= now_s - 1:
            self._came_s.popleft()
        if len(self._came_s) >= self._connections_per_s:
            self.turned_away += 1
            return False
        self._came_s.append(now_s)
        return True


class ClientConnection:
    """A connection serves one client's websocket. connection: the dialect's state of it."""

    def __init__(self, server: WebsocketServer, request: web.Request, connection: ConnectionState) -> None:
        self._server, self._request, self._connection = server, request, connection
        self._socket = web.WebSocketResponse(compress=False, heartbeat=PING_S)
        self._streams: dict[str, tuple[MessageStream | None, FaultyStream]] = {}
        self._silent_until_s = 0.0
        self._told_s = asyncio.get_running_loop().time()

    async def serve(self) -> web.StreamResponse:
        """Serves the client until either side ends it."""
        await self._socket.prepare(self._request)
        self._subscribe(self._connection.names)
        pump = asyncio.create_task(self._pump())
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    self._write([framed(answer.encode()) for answer in self._answers(message.data)])
        finally:
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pump
        return self._socket

    def abort(self) -> None:
        """Tears the connection."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def _answers(self, text: str) -> Sequence[str]:
        dialect, connection = self._server.dialect, self._connection
        try:
            subscription = dialect.parse(connection, text)
        except ValueError as error:
            return [dialect.error_reply(connection, text, error)]
        troubles = {name: self._server.subscription_trouble(name) for name in subscription.subscribe}
        refused = [name for name, what in troubles.items() if what is SubscriptionTrouble.REFUSED]
        muted = [name for name, what in troubles.items() if what is not None]
        for name in subscription.unsubscribe:
            self._streams.pop(name, None)
        refused += self._subscribe([name for name in subscription.subscribe if name not in refused], muted)
        if SubscriptionTrouble.UNANSWERED in troubles.values():
            return []
        return dialect.reply(connection, subscription, refused, list(self._streams))

    def _subscribe(self, names: Sequence[str], muted: Sequence[str] = ()) -> list[str]:
        """Subscribes to streams; returns the names that there are not."""
        now_ms, server, unknown = self._server.state.now_ms(), self._server, list[str]()
        made: dict[str, MessageStream | None] = {}
        for name in names:
            if name not in self._streams:
                try:
                    made[name] = server.dialect.open_stream(name, now_ms)
                except UnknownStream:
                    unknown.append(name)
        for name, stream in made.items():
            server.subscribed[name] += 1
            kept = None if name in muted else stream
            self._streams[name] = kept, FaultyStream(name, server.message_faults, server.subscribed[name])
        return unknown

    async def _pump(self) -> None:
        while True:
            taken, out, strikes = self._turn(self._server.state.now_ms())
            if not self._silent:
                self._write(out)
            for strike in strikes:
                if not await self._survives(strike):
                    return
            if asyncio.get_running_loop().time() > self._told_s + self._server.dialect.quiet_s:
                self.abort()
                return
            await self._request.writer.drain()
            moved = taken or (self._streams and self._server.pass_on())
            await asyncio.sleep(0 if moved else self._rest_ms() / MS)

    def _rest_ms(self) -> int:
        """Returns the time until something is due; not long, as the client may subscribe, or the clock jump."""
        parts = [part for pair in self._streams.values() for part in pair if part is not None]
        due_ms = [at_ms for part in parts if (at_ms := part.due_ms()) is not None]
        now_ms = self._server.state.now_ms()
        return min(max(min(due_ms, default=now_ms + MOST_REST_MS) - now_ms, LEAST_REST_MS), MOST_REST_MS)

    def _turn(self, now_ms: int) -> tuple[bool, list[bytes], list[Strike]]:
        """Returns whether something happened, the frames that tell of it, and what befalls the connection."""
        taken, out, strikes = False, list[bytes](), list[Strike]()
        envelope = self._server.dialect.envelope
        for name, (stream, faulty) in self._streams.items():
            frames = () if stream is None else stream.take(now_ms, MOST)
            taken = taken or bool(frames)
            told, struck = faulty.through(frames, now_ms)
            out += (envelope(self._connection, name, frame) for frame in told) if self._connection.combined else told
            strikes += struck
        return taken, out, strikes

    @property
    def _silent(self) -> bool:
        return asyncio.get_running_loop().time() < self._silent_until_s

    async def _survives(self, strike: Strike) -> bool:
        if strike.trouble is Trouble.SILENCE:
            forever = asyncio.get_running_loop().time() + strike.ms / MS if strike.ms else float("inf")
            self._silent_until_s = max(self._silent_until_s, forever)
        elif strike.trouble is Trouble.CLOCK_JUMP:
            self._server.jump(strike.ms, self._server.message_faults.jump_for_ms)
        elif strike.torn:
            self.abort()
        else:
            await self._socket.close(code=WSCloseCode.GOING_AWAY)
        return strike.trouble is not Trouble.DISCONNECT

    def _write(self, frames: Sequence[bytes]) -> None:
        transport = self._request.transport
        if frames:
            self._told_s = asyncio.get_running_loop().time()
        if transport is not None and not transport.is_closing():
            transport.write(b"".join(frames))
