"""One client's websocket: what it has subscribed to is pumped to it as it happens, through the feed's weather."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from services.fake_exchange.binance_streams import BinanceStreams, Stream
from services.fake_exchange.feed_passage import Passage
from services.fake_exchange.feed_weather import FeedWeather, Strike, Trouble
from services.fake_exchange.floor import Floor
from services.fake_exchange.frames import framed, unframed

MS = 1000
MOST = 512
LEAST_REST_MS, MOST_REST_MS = 2, 20
PING_S = 180.0
ENDPOINTS = ("ws", "stream")


class Feed:
    """All websockets of a venue. `weather`: what befalls their messages.

    `subscribed`: how often each stream was. `open`: the connections.
    """

    def __init__(self, floor: Floor, streams: BinanceStreams, waits_for: int = 1) -> None:
        self.floor, self.streams = floor, streams
        self._waits_for = waits_for
        self.weather = FeedWeather()
        self.subscribed: Counter[str] = Counter()
        self.open: set[Connection] = set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Until either side ends it."""
        path = request.match_info["rest"].split("/")
        endpoint = next((part for part in path[1:] if part in ENDPOINTS), None)
        if endpoint is None:
            return web.Response(status=404)
        connection = Connection(self, request, combined=endpoint == "stream")
        named = request.query.get("streams", "").split("/") if endpoint == "stream" else path[path.index("ws") + 1 :]
        self.open.add(connection)
        try:
            return await connection.serve([name for name in named if "@" in name])
        finally:
            self.open.discard(connection)

    def pass_on(self) -> bool:
        """Nothing is left to tell a client: whether time goes on by that."""
        return self.subscribed.total() >= self._waits_for and self.floor.clock.pass_on()

    def abort(self) -> None:
        """Tear all connections."""
        for connection in self.open:
            connection.abort()

    def jump(self, ms: int, for_ms: int) -> None:
        """Set the venue's clock ahead, and back after a while; 0: it stays."""
        self.floor.skew_ms += ms
        if for_ms:
            asyncio.get_running_loop().call_later(for_ms / MS, self.jump, -ms, 0)


class Connection:
    """Answers SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS. combined: messages carry the name of their stream."""

    def __init__(self, feed: Feed, request: web.Request, combined: bool) -> None:
        self._feed, self._request, self._combined = feed, request, combined
        self._socket = web.WebSocketResponse(compress=False, heartbeat=PING_S)
        self._streams: dict[str, tuple[Stream | None, Passage]] = {}
        self._silent_until_s = 0.0

    async def serve(self, names: Sequence[str]) -> web.StreamResponse:
        """Until either side ends it. names: subscribed to by the URL."""
        await self._socket.prepare(self._request)
        self._subscribe(names)
        pump = asyncio.create_task(self._pump())
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    self._write([framed(json.dumps(self._answer(message.data)).encode())])
        finally:
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pump
        return self._socket

    def abort(self) -> None:
        """Tear it."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def _answer(self, text: str) -> dict[str, object]:
        asked: Any = None
        try:
            asked = json.loads(text)
            method, names = asked["method"], list(asked.get("params") or [])
            if method == "SUBSCRIBE":
                self._subscribe(names)
            elif method == "UNSUBSCRIBE":
                for name in names:
                    self._streams.pop(name, None)
            elif method != "LIST_SUBSCRIPTIONS":
                raise ValueError(f"unknown variant `{method}`")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            number = asked.get("id") if isinstance(asked, dict) else None
            return {"error": {"code": 2, "msg": f"Invalid request: {error}"}, "id": number}
        return {"result": list(self._streams) if method == "LIST_SUBSCRIPTIONS" else None, "id": asked.get("id")}

    def _subscribe(self, names: Sequence[str]) -> None:
        now_ms, feed = self._feed.floor.now_ms(), self._feed
        made = {name: feed.streams.stream(name, now_ms) for name in names if name not in self._streams}
        for name, stream in made.items():
            feed.subscribed[name] += 1
            self._streams[name] = stream, Passage(name, feed.weather, feed.subscribed[name])

    async def _pump(self) -> None:
        while True:
            taken, out, strikes = self._turn(self._feed.floor.now_ms())
            if not self._silent:
                self._write(out)
            for strike in strikes:
                if not await self._survives(strike):
                    return
            await self._request.writer.drain()
            moved = taken or (self._streams and self._feed.pass_on())
            await asyncio.sleep(0 if moved else self._rest_ms() / MS)

    def _rest_ms(self) -> int:
        """Until something is due; not long, as something may be subscribed to, or the clock jump."""
        parts = [part for pair in self._streams.values() for part in pair if part is not None]
        due_ms = [at_ms for part in parts if (at_ms := part.due_ms()) is not None]
        now_ms = self._feed.floor.now_ms()
        return min(max(min(due_ms, default=now_ms + MOST_REST_MS) - now_ms, LEAST_REST_MS), MOST_REST_MS)

    def _turn(self, now_ms: int) -> tuple[bool, list[bytes], list[Strike]]:
        """Whether something happened, what is told of it, and what befalls the connection."""
        taken, out, strikes = False, list[bytes](), list[Strike]()
        for name, (stream, passage) in self._streams.items():
            frames = () if stream is None else stream.take(now_ms, MOST)
            taken = taken or bool(frames)
            told, struck = passage.through(frames, now_ms)
            out += (self._wrapped(name, frame) for frame in told) if self._combined else told
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
            self._feed.jump(strike.ms, self._feed.weather.jump_for_ms)
        elif strike.torn:
            self.abort()
        else:
            await self._socket.close(code=WSCloseCode.GOING_AWAY)
        return strike.trouble is not Trouble.DISCONNECT

    def _write(self, frames: Sequence[bytes]) -> None:
        transport = self._request.transport
        if transport is not None and not transport.is_closing():
            transport.write(b"".join(frames))

    @staticmethod
    def _wrapped(name: str, frame: bytes) -> bytes:
        return framed(b'{"stream":"' + name.encode() + b'","data":' + unframed(frame) + b"}")
