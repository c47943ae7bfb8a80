"""OKX's public streams: trades, bbo-tbt, tickers and candles. Sizes of a swap are contracts.

https://www.okx.com/docs-v5/en/#overview-websocket
https://www.okx.com/docs-v5/en/#order-book-trading-market-data
https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-trades-channel and its neighbours
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.trade_history import MarketBar
from services.simulator.websocket.frames import FrameBlocks, TradeMessage, digits
from services.simulator.websocket.streams import (
    BarMessage,
    BarStream,
    ConnectionState,
    MessageStream,
    SubscriptionRequest,
    TradeStream,
    UnknownStream,
)

S_MS = 1000
INTERVALS_MS = {
    "1s": S_MS, "1m": 60 * S_MS, "3m": 180 * S_MS, "5m": 300 * S_MS, "15m": 900 * S_MS, "30m": 1800 * S_MS,
    "1H": 3600 * S_MS, "2H": 7200 * S_MS, "4H": 14_400 * S_MS, "6Hutc": 21_600 * S_MS, "12Hutc": 43_200 * S_MS,
    "1Dutc": 86_400 * S_MS,
}  # fmt: skip


def trade(listing: Listing) -> TradeMessage:
    """Makes the messages of `trades`: `count` trades at one price by one taker, with the last one's id; here one."""
    price, size, sym = digits(listing.tick), digits(listing.step / listing.contract_size), listing.id

    def made(id_: int, at_ms: int, ticks: int, steps: int, sold: bool) -> str:
        return (
            f'{{"arg":{{"channel":"trades","instId":"{sym}"}},"data":[{{"instId":"{sym}","tradeId":"{id_}",'
            f'"px":"{price(ticks)}","sz":"{size(steps)}","side":"{"sell" if sold else "buy"}","ts":"{at_ms}",'
            f'"count":"1","source":"0","seqId":{id_}}}]}}'
        )

    return made


def best(listing: Listing) -> TradeMessage:
    """Makes the messages of `bbo-tbt`: after each trade, one tick below and above its price."""
    price, size, sym = digits(listing.tick), digits(listing.step / listing.contract_size), listing.id

    def made(id_: int, at_ms: int, ticks: int, steps: int, sold: bool) -> str:
        return (
            f'{{"arg":{{"channel":"bbo-tbt","instId":"{sym}"}},"data":[{{"asks":[["{price(ticks + 1)}",'
            f'"{size(steps)}","0","1"]],"bids":[["{price(ticks - 1)}","{size(steps)}","0","1"]],"ts":"{at_ms}",'
            f'"seqId":{id_}}}]}}'
        )

    return made


def ticker(listing: Listing) -> TradeMessage:
    """Makes the messages of `tickers`."""
    price, size, sym = digits(listing.tick), digits(listing.step / listing.contract_size), listing.id

    def made(id_: int, at_ms: int, ticks: int, steps: int, sold: bool) -> str:
        last, of = price(ticks), size(steps)
        return (
            f'{{"arg":{{"channel":"tickers","instId":"{sym}"}},"data":[{{"instType":"{listing.kind.upper()}",'
            f'"instId":"{sym}","last":"{last}","lastSz":"{of}","askPx":"{price(ticks + 1)}","askSz":"{of}",'
            f'"bidPx":"{price(ticks - 1)}","bidSz":"{of}","open24h":"{last}","high24h":"{last}","low24h":"{last}",'
            f'"volCcy24h":"1","vol24h":"1","sodUtc0":"{last}","sodUtc8":"{last}","ts":"{at_ms}"}}]}}'
        )

    return made


def candle(listing: Listing, channel: str) -> BarMessage:
    """Makes the messages of a candle's channel: the last field is 1 when the bar is finished."""
    sym = listing.id

    def made(bar: MarketBar, first: int, last: int, now_ms: int, finished: bool) -> str:
        vol, vol_ccy, vol_quote = volumes(bar, listing)
        return (
            f'{{"arg":{{"channel":"{channel}","instId":"{sym}"}},"data":[["{bar.at_ms}","{bar.open}","{bar.high}",'
            f'"{bar.low}","{bar.close}","{vol}","{vol_ccy}","{vol_quote}","{int(finished)}"]]}}'
        )

    return made


def volumes(bar: MarketBar, listing: Listing) -> tuple[Decimal, Decimal, Decimal]:
    """Returns vol, volCcy and volCcyQuote: contracts, base and quote units of a swap; base, quote and quote of spot.

    P: #order-book-trading-market-data-get-candlesticks
    """
    if listing.kind == "spot":
        return bar.volume, bar.turnover, bar.turnover
    return bar.volume / listing.contract_size, bar.volume, bar.turnover


MAKERS = {"trades": trade, "bbo-tbt": best, "tickers": ticker}
CONNECTION = "a4d3ae55"


class OkxWebsocket:
    """The streams of all markets, by channel and instrument: trades:BTC-USDT-SWAP; candles only at `business`."""

    quiet_s = 30.0  # #overview-websocket-connect: "if ... data has not been pushed for more than 30 seconds"

    def __init__(self, state: SimulatorState, kept: int) -> None:
        self._state, self._histories, self._kept = state, state.histories, kept
        self._blocks: dict[str, FrameBlocks] = {}

    def connect(self, path: Sequence[str], query: Mapping[str, str]) -> ConnectionState | None:
        """Returns how a connection speaks at ws/v5/public and ws/v5/business."""
        if list(path[1:3]) != ["ws", "v5"] or path[-1] not in ("public", "business"):
            return None
        return ConnectionState(state={"business": path[-1] == "business"})

    def parse(self, connection: ConnectionState, text: str) -> SubscriptionRequest:
        """Reads subscribe, unsubscribe, and the text `ping`."""
        if text == "ping":
            return SubscriptionRequest(kind="ping")
        request = json.loads(text)
        try:
            op, names = request["op"], [f"{arg['channel']}:{arg['instId']}" for arg in request["args"]]
        except (KeyError, TypeError) as error:
            raise ValueError(str(error)) from error
        if op not in ("subscribe", "unsubscribe"):
            raise ValueError(f"unknown op {op}")
        taken, dropped = (names, []) if op == "subscribe" else ([], names)
        return SubscriptionRequest([name for name in taken if self._here(connection, name)], dropped, names, op)

    def reply(
        self,
        connection: ConnectionState,
        subscription: SubscriptionRequest,
        refused: Sequence[str],
        open_: Sequence[str],
    ) -> Sequence[str]:
        """Replies once for each name."""
        if subscription.kind == "ping":
            return ["pong"]
        names = subscription.number
        assert isinstance(names, list)
        bad = {name for name in names if subscription.kind == "subscribe" and not self._here(connection, name)} | set(
            refused
        )
        return [_no(name) if name in bad else _yes(name, subscription.kind) for name in names]

    def error_reply(self, connection: ConnectionState, text: str, error: Exception) -> str:
        """Replies with code 60012."""
        return json.dumps({"event": "error", "code": "60012", "msg": f"Invalid request: {text}", "connId": CONNECTION})

    def envelope(self, connection: ConnectionState, name: str, frame: bytes) -> bytes:
        """Returns the frame as it is: no connection is combined."""
        return frame

    def open_stream(self, name: str, now_ms: int) -> MessageStream | None:
        """Returns the stream from now on. Raises UnknownStream."""
        channel, _, sym = name.partition(":")
        history = self._histories.get(sym)
        interval = channel.removeprefix("candle")
        if history is None or (channel not in MAKERS and interval not in INTERVALS_MS):
            raise UnknownStream(name)
        if channel not in MAKERS:
            return BarStream(history, INTERVALS_MS[interval], candle(history.listing, channel), now_ms)
        if name not in self._blocks:
            self._blocks[name] = FrameBlocks(history, MAKERS[channel](history.listing), self._kept)
        return TradeStream(history, self._blocks[name], now_ms)

    def _here(self, connection: ConnectionState, name: Any) -> bool:
        channel, _, sym = str(name).partition(":")
        known = channel in MAKERS or channel.removeprefix("candle") in INTERVALS_MS
        return known and sym in self._histories and channel.startswith("candle") == connection.state["business"]


def _yes(name: str, event: str) -> str:
    channel, _, sym = name.partition(":")
    return json.dumps({"event": event, "arg": {"channel": channel, "instId": sym}, "connId": CONNECTION})


def _no(name: str) -> str:
    channel, _, sym = name.partition(":")
    said = (
        f"Wrong URL or channel:{channel},instId:{sym} doesn't exist. Please use the correct URL, channel and "
        "parameters referring to API document."
    )
    return json.dumps({"event": "error", "code": "60018", "msg": said, "connId": CONNECTION})
