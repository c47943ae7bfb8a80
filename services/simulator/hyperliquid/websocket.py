"""Hyperliquid's public streams: trades and candles.

.../api/websocket/subscriptions, .../api/websocket/timeouts-and-heartbeats
(... is https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers)

Messages as recorded from its streams in September 2026: several trades in one message, all of one block at one time; a
candle as it stands, and nothing that says that it is finished. What was before comes with the subscription, again after
a lost connection: .../api/websocket (P): "Missed data during the reconnect will be present in the snapshot ack".
"""

import json
from collections.abc import Mapping, Sequence

from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.trade_history import FIRST_ID, MarketBar, TradeHistory
from services.simulator.hyperliquid.orders import HASH, tid
from services.simulator.hyperliquid.rest import OWNER, num
from services.simulator.websocket.streams import (
    BarMessage,
    BarStream,
    BatchStream,
    ConnectionState,
    MessageStream,
    SubscriptionRequest,
    TradesMessage,
    UnknownStream,
)

MIN_MS = 60_000
REPLAYED = 10  # trades; how many there are, no page says
INTERVALS_MS = {
    "1m": MIN_MS, "3m": 3 * MIN_MS, "5m": 5 * MIN_MS, "15m": 15 * MIN_MS, "30m": 30 * MIN_MS, "1h": 60 * MIN_MS,
    "2h": 120 * MIN_MS, "4h": 240 * MIN_MS, "8h": 480 * MIN_MS, "12h": 720 * MIN_MS, "1d": 1440 * MIN_MS,
}  # fmt: skip


def trades(history: TradeHistory) -> TradesMessage:
    """Makes the messages of `trades`: all trades of one millisecond, in the order in which they were matched."""
    listing = history.listing

    def made(first: int, last: int) -> str:
        rows = history.rows(first, last)
        data = [
            {
                "coin": listing.id, "side": "A" if sold else "B", "px": num(ticks * listing.tick),
                "sz": num(steps * listing.step), "time": at_ms, "hash": HASH, "tid": tid(FIRST_ID + index),
                "users": [OWNER, OWNER],
            }
            for index, at_ms, ticks, steps, sold in zip(
                range(first, last), rows.at_ms, rows.ticks, rows.steps, rows.sold, strict=True
            )
        ]  # fmt: skip
        return json.dumps({"channel": "trades", "data": data})

    return made


def candle_row(listing: Listing, interval: str, bar: MarketBar, count: int) -> dict[str, object]:
    """Returns a candle: `T` is its last millisecond, `n` the number of its trades."""
    return {
        "t": bar.at_ms, "T": bar.at_ms + INTERVALS_MS[interval] - 1, "s": listing.id, "i": interval,
        "o": num(bar.open), "c": num(bar.close), "h": num(bar.high), "l": num(bar.low), "v": num(bar.volume),
        "n": count,
    }  # fmt: skip


def candle(listing: Listing, interval: str) -> BarMessage:
    """Makes the messages of a candle's stream, which do not say when it is finished."""

    def made(bar: MarketBar, first: int, last: int, now_ms: int, finished: bool) -> str:
        return json.dumps({"channel": "candle", "data": candle_row(listing, interval, bar, last - first)})

    return made


class HyperliquidWebsocket:
    """The streams of all markets by kind and coin: trades:BTC, candle:BTC:1m."""

    quiet_s = 60.0  # .../api/websocket/timeouts-and-heartbeats

    def __init__(self, state: SimulatorState, kept: int) -> None:
        self._histories = state.histories

    def connect(self, path: Sequence[str], query: Mapping[str, str]) -> ConnectionState | None:
        """Returns how a connection speaks at /ws."""
        return ConnectionState() if list(path[1:]) == ["ws"] else None

    def parse(self, connection: ConnectionState, text: str) -> SubscriptionRequest:
        """Reads subscribe, unsubscribe and ping."""
        request = json.loads(text)
        try:
            method = request["method"]
            if method == "ping":
                return SubscriptionRequest(kind="ping")
            wanted = request["subscription"]
            name = ":".join(str(wanted[part]) for part in ("type", "coin", "interval") if part in wanted)
        except (KeyError, TypeError) as error:
            raise ValueError(str(error)) from error
        if method not in ("subscribe", "unsubscribe"):
            raise ValueError(f"unknown method {method}")
        taken, dropped = ([name], []) if method == "subscribe" else ([], [name])
        return SubscriptionRequest(taken, dropped, wanted, method)

    def reply(
        self,
        connection: ConnectionState,
        subscription: SubscriptionRequest,
        refused: Sequence[str],
        open_: Sequence[str],
    ) -> Sequence[str]:
        """Replies once, with the subscription as it was asked for; a second time with an error that changes nothing.

        https://github.com/ccxt/ccxt/issues/28369
        """
        if subscription.kind == "ping":
            return [json.dumps({"channel": "pong"})]
        told = {"method": subscription.kind, "subscription": subscription.number}
        had = connection.state.setdefault("had", set())
        assert isinstance(had, set)
        again = [name for name in subscription.subscribe if name in had]
        had.difference_update(subscription.unsubscribe)
        had.update(name for name in subscription.subscribe if name not in refused)
        if again:
            return [json.dumps({"channel": "error", "data": f"Already subscribed: {json.dumps(told['subscription'])}"})]
        if refused:
            return [json.dumps({"channel": "error", "data": f"Invalid subscription {json.dumps(told)}"})]
        return [json.dumps({"channel": "subscriptionResponse", "data": told})]

    def error_reply(self, connection: ConnectionState, text: str, error: Exception) -> str:
        """Replies to what makes no sense."""
        return json.dumps({"channel": "error", "data": f"Error parsing JSON into valid websocket request: {text}"})

    def envelope(self, connection: ConnectionState, name: str, frame: bytes) -> bytes:
        """Returns the frame as it is: no connection is combined."""
        return frame

    def open_stream(self, name: str, now_ms: int) -> MessageStream | None:
        """Returns the stream from now on. Raises UnknownStream."""
        kind, _, rest = name.partition(":")
        coin, _, interval = rest.partition(":")
        history = self._histories.get(coin)
        if history is None or kind not in ("trades", "candle"):
            raise UnknownStream(name)
        if kind == "trades":
            return BatchStream(history, trades(history), now_ms, REPLAYED)
        if interval not in INTERVALS_MS:
            raise UnknownStream(name)
        return BarStream(history, INTERVALS_MS[interval], candle(history.listing, interval), now_ms)
