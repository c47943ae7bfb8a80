"""Bybit's public streams of one product type: publicTrade, orderbook.1, kline and tickers.

https://bybit-exchange.github.io/docs/v5/ws/connect
https://bybit-exchange.github.io/docs/v5/websocket/public/trade, .../orderbook, .../kline, .../ticker

Fields as in messages recorded from its streams in 2025 and 2026 (hftbacktest's example files for contracts, and the
pages above): a contract's best prices come as snapshots, those of spot as deltas in which a price that is gone has size
0; trades have `seq` and `RPI`, and a contract's `i` is a random UUID.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from services.simulator.bybit.rest import category, exec_id
from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.trade_history import FIRST_ID, MarketBar, TradeHistory
from services.simulator.websocket.frames import digits
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

S_MS = 1000
INTERVALS_MS = {
    "1": 60 * S_MS, "3": 180 * S_MS, "5": 300 * S_MS, "15": 900 * S_MS, "30": 1800 * S_MS, "60": 3600 * S_MS,
    "120": 7200 * S_MS, "240": 14_400 * S_MS, "360": 21_600 * S_MS, "720": 43_200 * S_MS, "D": 86_400 * S_MS,
}  # fmt: skip
BLOCKS = "block_trades"  # the setting: each so-manyth trade has a block trade beside it, far from the price
BLOCK_SHARE = Decimal("0.9")
SEQ = 816_281_000_000


def every_block(state: SimulatorState) -> int:
    """Returns how many trades there are for one block trade; 0: there are none."""
    return int(state.engine.settings.get(BLOCKS, "0"))


def block_price(price: Decimal, tick: Decimal) -> Decimal:
    """Returns the price of a block trade: two parties agreed on it, and nobody else can have it."""
    return (price * BLOCK_SHARE / tick).to_integral_value() * tick


def trades(history: TradeHistory, state: SimulatorState) -> TradesMessage:
    """Makes the messages of publicTrade: all trades of one millisecond, in the order in which they were matched."""
    listing = history.listing
    price, qty, sym, swap = digits(listing.tick), digits(listing.step), listing.id, listing.kind == "swap"

    def row(index: int, at_ms: int, text: str, size: str, sold: bool, block: bool) -> str:
        direction = '"L":"PlusTick",' if swap else ""
        id_ = exec_id((-1 if block else 1) * (FIRST_ID + index), listing.kind)
        return (
            f'{{"T":{at_ms},"s":"{sym}","S":"{"Sell" if sold else "Buy"}","v":"{size}","p":"{text}",{direction}'
            f'"i":"{id_}","BT":{"true" if block else "false"},"RPI":false,"seq":{SEQ + index}}}'
        )

    def made(first: int, last: int) -> str:
        rows, out, every = history.rows(first, last), list[str](), every_block(state)
        for index, at_ms, ticks, steps, sold in zip(
            range(first, last), rows.at_ms, rows.ticks, rows.steps, rows.sold, strict=True
        ):
            out.append(row(index, at_ms, price(ticks), qty(steps), sold, False))
            if every and index % every == 0:
                far = block_price(ticks * listing.tick, listing.tick)
                out.append(row(index, at_ms, format(far, "f"), qty(steps), sold, True))
        return f'{{"topic":"publicTrade.{sym}","type":"snapshot","ts":{rows.at_ms[-1] + 1},"data":[{",".join(out)}]}}'

    return made


def best(history: TradeHistory, state: SimulatorState) -> TradesMessage:
    """Makes the messages of orderbook.1: after each millisecond with trades, a tick below and above the last price."""
    listing = history.listing
    price, qty, sym, swap = digits(listing.tick), digits(listing.step), listing.id, listing.kind == "swap"
    last_ticks: list[int] = []

    def made(first: int, last: int) -> str:
        rows = history.rows(last - 1, last)
        ticks, size, at_ms = rows.ticks[0], qty(rows.steps[0]), rows.at_ms[0]
        bids, asks = (f'["{price(ticks + side)}","{size}"]' for side in (-1, 1))
        kind = "snapshot" if swap or not last_ticks else "delta"
        if kind == "delta" and last_ticks[0] != ticks:
            bids += f',["{price(last_ticks[0] - 1)}","0"]' if last_ticks[0] - 1 != ticks - 1 else ""
            asks += f',["{price(last_ticks[0] + 1)}","0"]' if last_ticks[0] + 1 != ticks + 1 else ""
        last_ticks[:] = [ticks]
        return (
            f'{{"topic":"orderbook.1.{sym}","type":"{kind}","ts":{at_ms},"data":{{"s":"{sym}","b":[{bids}],'
            f'"a":[{asks}],"u":{last},"seq":{SEQ + last}}},"cts":{at_ms}}}'
        )

    return made


def ticker(history: TradeHistory, state: SimulatorState) -> TradesMessage:
    """Makes the messages of tickers.

    A contract's first message is whole, the others have what has changed; spot's have no bid and ask.
    """
    listing = history.listing
    price, sym, swap = digits(listing.tick), listing.id, listing.kind == "swap"
    whole: list[bool] = []

    def made(first: int, last: int) -> str:
        rows = history.rows(last - 1, last)
        ticks, at_ms = rows.ticks[0], rows.at_ms[0]
        last_price = price(ticks)
        kind = "delta" if swap and whole else "snapshot"
        whole[:] = [True]
        day = (
            f'"highPrice24h":"{last_price}","lowPrice24h":"{last_price}","prevPrice24h":"{last_price}",'
            '"volume24h":"1","turnover24h":"1","price24hPcnt":"0"'
        )
        fields = f'"symbol":"{sym}","lastPrice":"{last_price}"'
        if not swap:
            fields += f',{day},"usdIndexPrice":"{last_price}"'
        else:
            bid, ask = (price(ticks + side) for side in (-1, 1))
            fields += f',"bid1Price":"{bid}","bid1Size":"1","ask1Price":"{ask}","ask1Size":"1"'
        if swap and kind == "snapshot":
            fields += (
                f',{day},"markPrice":"{last_price}","indexPrice":"{last_price}","openInterest":"1",'
                '"openInterestValue":"1","fundingRate":"0.0001","nextFundingTime":"0","tickDirection":"PlusTick"'
            )
        return f'{{"topic":"tickers.{sym}","type":"{kind}","data":{{{fields}}},"cs":{SEQ + last},"ts":{at_ms + 1}}}'

    return made


def kline(listing: Listing, interval: str) -> BarMessage:
    """Makes the messages of kline: `confirm` is true in the last one of a bar."""
    sym = listing.id

    def made(bar: MarketBar, first: int, last: int, now_ms: int, finished: bool) -> str:
        end_ms = bar.at_ms + INTERVALS_MS[interval] - 1
        return (
            f'{{"topic":"kline.{interval}.{sym}","data":[{{"start":{bar.at_ms},"end":{end_ms},'
            f'"interval":"{interval}","open":"{bar.open}","close":"{bar.close}","high":"{bar.high}",'
            f'"low":"{bar.low}","volume":"{bar.volume}","turnover":"{bar.turnover}",'
            f'"confirm":{"true" if finished else "false"},"timestamp":{now_ms}}}],"ts":{now_ms},"type":"snapshot"}}'
        )

    return made


SPOT_ARGS = 10
MostlyTold: TypeAlias = Callable[[TradeHistory, SimulatorState], TradesMessage]
TELLERS: Mapping[str, MostlyTold] = {
    "publicTrade": trades,
    "orderbook.1": best,
    "tickers": ticker,
}


class BybitWebsocket:
    """The streams of all markets, by topic: publicTrade.BTCUSDT. A request with one bad topic is refused whole."""

    quiet_s = float("inf")

    def __init__(self, state: SimulatorState, kept: int) -> None:
        self._state, self._histories = state, state.histories

    def connect(self, path: Sequence[str], query: Mapping[str, str]) -> ConnectionState | None:
        """Returns how a connection speaks at v5/public/linear or v5/public/spot, as the markets are."""
        kinds = {category(history.listing) for history in self._histories.values()}
        if list(path[1:3]) != ["v5", "public"] or path[-1] not in kinds:
            return None
        return ConnectionState(state={"spot": path[-1] == "spot"})

    def parse(self, connection: ConnectionState, text: str) -> SubscriptionRequest:
        """Reads subscribe, unsubscribe and ping."""
        request = json.loads(text)
        if not isinstance(request, dict):
            raise ValueError("it is no object")
        op, names, number = (
            request.get("op"),
            [str(name) for name in request.get("args") or []],
            request.get("req_id", ""),
        )
        if op == "ping":
            return SubscriptionRequest(number=number, kind="ping")
        if op not in ("subscribe", "unsubscribe"):
            raise ValueError(f"unknown op {op}")
        if op == "subscribe" and connection.state["spot"] and len(names) > SPOT_ARGS:
            raise ValueError("args size >10")
        if op == "unsubscribe":
            return SubscriptionRequest((), names, number, op)
        bad = next((name for name in names if not self._known(name)), None)
        if bad is not None:
            raise ValueError(f"error:handler not found,topic:{bad}")
        return SubscriptionRequest(names, (), number, op)

    def reply(
        self,
        connection: ConnectionState,
        subscription: SubscriptionRequest,
        refused: Sequence[str],
        open_: Sequence[str],
    ) -> Sequence[str]:
        """Replies once to a request; spot says "subscribe" in it, contracts nothing."""
        said = "pong" if subscription.kind == "ping" else (subscription.kind if connection.state["spot"] else "")
        if refused:
            return [
                self._answer(
                    False, f"error:handler not found,topic:{refused[0]}", subscription.number, subscription.kind
                )
            ]
        return [self._answer(True, said, subscription.number, subscription.kind)]

    def error_reply(self, connection: ConnectionState, text: str, error: Exception) -> str:
        """Replies with the number of the request, if it can be read."""
        try:
            request: Any = json.loads(text)
        except ValueError:
            request = {}
        number = request.get("req_id", "") if isinstance(request, dict) else ""
        return self._answer(False, str(error), number, "subscribe")

    def envelope(self, connection: ConnectionState, name: str, frame: bytes) -> bytes:
        """Returns the frame as it is: no connection is combined."""
        return frame

    def open_stream(self, name: str, now_ms: int) -> MessageStream | None:
        """Returns the stream from now on. Raises UnknownStream."""
        kind, _, sym = name.rpartition(".")
        if not self._known(name):
            raise UnknownStream(name)
        history = self._histories[sym]
        if kind.startswith("kline."):
            interval = kind.removeprefix("kline.")
            return BarStream(history, INTERVALS_MS[interval], kline(history.listing, interval), now_ms)
        return BatchStream(history, TELLERS[kind](history, self._state), now_ms)

    def _known(self, name: str) -> bool:
        kind, _, sym = name.rpartition(".")
        known = kind in TELLERS or (kind.startswith("kline.") and kind.removeprefix("kline.") in INTERVALS_MS)
        return known and sym in self._histories and self._state.engine.status(sym) != "Closed"

    @staticmethod
    def _answer(success: bool, said: str, number: object, op: str) -> str:
        return json.dumps(
            {
                "success": success,
                "ret_msg": said,
                "conn_id": "11937fe0-c938-4a8b-b313-81fe27cfa8f6",
                "req_id": number,
                "op": op,
            }
        )
