"""Binance's public streams, and how a client subscribes to them.

https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.trade_history import BEHIND, FIRST_ID, MarketBar
from services.simulator.websocket.frames import FrameBlocks, TradeMessage, digits, framed, unframed
from services.simulator.websocket.streams import (
    BarMessage,
    BarStream,
    ConnectionState,
    MessageStream,
    SubscriptionRequest,
    TradeStream,
)

S_MS = 1000
INTERVALS_MS = {
    "1s": S_MS, "1m": 60 * S_MS, "3m": 180 * S_MS, "5m": 300 * S_MS, "15m": 900 * S_MS, "30m": 1800 * S_MS,
    "1h": 3600 * S_MS, "2h": 7200 * S_MS, "4h": 14_400 * S_MS, "6h": 21_600 * S_MS, "8h": 28_800 * S_MS,
    "12h": 43_200 * S_MS, "1d": 86_400 * S_MS,
}  # fmt: skip


def trade(listing: Listing) -> TradeMessage:
    """Makes the messages of `@trade`."""
    price, qty, sym = digits(listing.tick), digits(listing.step), listing.id
    rest = ',"M":true}' if listing.kind == "spot" else ',"X":"MARKET"}'

    def made(id_: int, at_ms: int, ticks: int, steps: int, sold: bool) -> str:
        return (
            f'{{"e":"trade","E":{at_ms},"T":{at_ms},"s":"{sym}","t":{id_},"p":"{price(ticks)}","q":"{qty(steps)}",'
            f'"m":{"true" if sold else "false"}{rest}'
        )

    return made


def agg_trade(listing: Listing) -> TradeMessage:
    """Makes the messages of `@aggTrade`: each aggregates one trade, and has an id of its own."""
    price, qty, sym = digits(listing.tick), digits(listing.step), listing.id
    rest = ',"M":true}' if listing.kind == "spot" else "}"

    def made(id_: int, at_ms: int, ticks: int, steps: int, sold: bool) -> str:
        return (
            f'{{"e":"aggTrade","E":{at_ms},"s":"{sym}","a":{id_ - BEHIND},"p":"{price(ticks)}","q":"{qty(steps)}",'
            f'"f":{id_},"l":{id_},"T":{at_ms},"m":{"true" if sold else "false"}{rest}'
        )

    return made


def book_ticker(listing: Listing) -> TradeMessage:
    """Makes the messages of `@bookTicker`: after each trade, one tick below and above its price."""
    price, qty, sym = digits(listing.tick), digits(listing.step), listing.id
    futures = listing.kind != "spot"

    def made(id_: int, at_ms: int, ticks: int, steps: int, sold: bool) -> str:
        event = f'"e":"bookTicker","E":{at_ms},"T":{at_ms},' if futures else ""
        return (
            f'{{{event}"u":{id_},"s":"{sym}","b":"{price(ticks - 1)}","B":"{qty(steps)}","a":"{price(ticks + 1)}",'
            f'"A":"{qty(steps)}"}}'
        )

    return made


def kline(listing: Listing, interval: str) -> BarMessage:
    """Makes the messages of `@kline_`: `x` is true in the last one of a bar.

    P: websocket-market-streams/Kline-Candlestick-Streams: v, q, n, V and Q are base and quote volume, trades, and what
    takers bought in base and quote units.
    """
    sym, length_ms = listing.id, INTERVALS_MS[interval]

    def made(bar: MarketBar, first: int, last: int, now_ms: int, finished: bool) -> str:
        ids = (FIRST_ID + first, FIRST_ID + last - 1) if last > first else (-1, -1)
        return (
            f'{{"e":"kline","E":{now_ms},"s":"{sym}","k":{{"t":{bar.at_ms},"T":{bar.at_ms + length_ms - 1},'
            f'"s":"{sym}","i":"{interval}","f":{ids[0]},"L":{ids[1]},"o":"{bar.open}","c":"{bar.close}",'
            f'"h":"{bar.high}","l":"{bar.low}","v":"{bar.volume}","n":{last - first},'
            f'"x":{"true" if finished else "false"},"q":"{bar.turnover}","V":"{bar.taken}","Q":"{bar.quote_taken}",'
            f'"B":"0"}}}}'
        )

    return made


KLINE = "kline_"
MAKERS = {
    "trade": trade,
    "aggTrade": agg_trade,
    "bookTicker": book_ticker,
}
ENDPOINTS = ("ws", "stream")
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS")


class BinanceWebsocket:
    """The streams of all markets, by Binance's name for them: btcusdt@trade, btcusdt@kline_1m.

    A connection to `stream` is combined: each message carries the name of its stream.
    """

    quiet_s = float("inf")

    def __init__(self, state: SimulatorState, kept: int) -> None:
        self._histories, self._kept = {sym.lower(): history for sym, history in state.histories.items()}, kept
        self._blocks: dict[str, FrameBlocks] = {}

    def connect(self, path: Sequence[str], query: Mapping[str, str]) -> ConnectionState | None:
        """Returns how a connection speaks at .../ws/NAMES and .../stream?streams=NAMES."""
        endpoint = next((part for part in path[1:] if part in ENDPOINTS), None)
        if endpoint is None:
            return None
        combined = endpoint == "stream"
        named = query.get("streams", "").split("/") if combined else path[list(path).index("ws") + 1 :]
        return ConnectionState([name for name in named if "@" in name], combined)

    def parse(self, connection: ConnectionState, text: str) -> SubscriptionRequest:
        """Reads SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS."""
        request = json.loads(text)
        try:
            method, names = request["method"], list(request.get("params") or [])
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(str(error)) from error
        if method not in METHODS:
            raise ValueError(f"unknown variant `{method}`")
        for name in names if method == "SUBSCRIBE" else ():
            self._kind(name)
        taken, dropped = (names if method == wanted else () for wanted in METHODS[:2])
        return SubscriptionRequest(taken, dropped, request.get("id"), method)

    def reply(
        self,
        connection: ConnectionState,
        subscription: SubscriptionRequest,
        refused: Sequence[str],
        open_: Sequence[str],
    ) -> Sequence[str]:
        """Replies null, also for a market that there is not."""
        return [
            json.dumps({"result": list(open_) if subscription.kind == METHODS[2] else None, "id": subscription.number})
        ]

    def error_reply(self, connection: ConnectionState, text: str, error: Exception) -> str:
        """Replies with the number of the request, if it can be read."""
        try:
            request: Any = json.loads(text)
        except ValueError:
            request = None
        number = request.get("id") if isinstance(request, dict) else None
        return json.dumps({"error": {"code": 2, "msg": f"Invalid request: {error}"}, "id": number})

    def envelope(self, connection: ConnectionState, name: str, frame: bytes) -> bytes:
        """Puts a frame into an envelope with the stream's name, where the connection is combined."""
        if not connection.combined:
            return frame
        return framed(b'{"stream":"' + name.encode() + b'","data":' + unframed(frame) + b"}")

    def open_stream(self, name: str, now_ms: int) -> MessageStream | None:
        """Returns the stream from now on; None where there is no such market.

        Raises ValueError where the name is none.
        """
        sym, kind, interval = self._kind(name)
        history = self._histories.get(sym)
        if history is None:
            return None
        if kind not in MAKERS:
            return BarStream(history, INTERVALS_MS[interval], kline(history.listing, interval), now_ms)
        if name not in self._blocks:
            self._blocks[name] = FrameBlocks(history, MAKERS[kind](history.listing), self._kept)
        return TradeStream(history, self._blocks[name], now_ms)

    def prepare(self, kind: str, count: int) -> None:
        """Makes the first `count` frames of every market now, so that only sending is left: for benchmarks."""
        for sym, history in self._histories.items():
            name = f"{sym}@{kind}"
            self.open_stream(name, history.start_ms)
            self._blocks[name].between(history.past, history.past + count)

    @staticmethod
    def _kind(name: Any) -> tuple[str, str, str]:
        if not isinstance(name, str):
            raise ValueError(f"{name} is no stream")
        sym, _, kind = name.partition("@")
        interval = kind.removeprefix(KLINE)
        if kind not in MAKERS and (interval == kind or interval not in INTERVALS_MS):
            raise ValueError(name)
        return sym, kind, interval
