"""Bybit's public streams over tapes, of one product type: publicTrade, orderbook.1, kline and tickers.

https://bybit-exchange.github.io/docs/v5/ws/connect
https://bybit-exchange.github.io/docs/v5/websocket/public/trade, .../orderbook, .../kline, .../ticker
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from services.simulator.bybit import messages as bybit_messages
from services.simulator.bybit.rows import category
from services.simulator.engine.intervals import BYBIT as INTERVALS
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.trade_history import TradeHistory
from services.simulator.websocket.streams import Stream, Talk, Unknown, Wanted
from services.simulator.websocket.trade_streams import BarStream, BatchStream, TellTrades

SPOT_ARGS = 10
MostlyTold: TypeAlias = Callable[[TradeHistory, SimulatorState], TellTrades]
TELLERS: Mapping[str, MostlyTold] = {
    "publicTrade": bybit_messages.trades,
    "orderbook.1": bybit_messages.best,
    "tickers": bybit_messages.ticker,
}


class BybitStreams:
    """By topic, e.g. publicTrade.BTCUSDT. A request with one bad topic is refused whole."""

    def __init__(self, floor: SimulatorState) -> None:
        self._floor, self._tapes = floor, floor.tapes

    def talk(self, path: Sequence[str], query: Mapping[str, str]) -> Talk | None:
        """At v5/public/linear or v5/public/spot, as the markets are."""
        kinds = {category(tape.listing) for tape in self._tapes.values()}
        if list(path[1:3]) != ["v5", "public"] or path[-1] not in kinds:
            return None
        return Talk(state={"spot": path[-1] == "spot"})

    def heard(self, talk: Talk, text: str) -> Wanted:
        """subscribe, unsubscribe and ping."""
        asked = json.loads(text)
        if not isinstance(asked, dict):
            raise ValueError("it is no object")
        op, names, number = asked.get("op"), [str(name) for name in asked.get("args") or []], asked.get("req_id", "")
        if op == "ping":
            return Wanted(number=number, kind="ping")
        if op not in ("subscribe", "unsubscribe"):
            raise ValueError(f"unknown op {op}")
        if op == "subscribe" and talk.state["spot"] and len(names) > SPOT_ARGS:
            raise ValueError("args size >10")
        if op == "unsubscribe":
            return Wanted((), names, number, op)
        bad = next((name for name in names if not self._known(name)), None)
        if bad is not None:
            raise ValueError(f"error:handler not found,topic:{bad}")
        return Wanted(names, (), number, op)

    def told(self, talk: Talk, wanted: Wanted, refused: Sequence[str], open_: Sequence[str]) -> Sequence[str]:
        """Spot says "subscribe" in it, contracts nothing."""
        said = "pong" if wanted.kind == "ping" else (wanted.kind if talk.state["spot"] else "")
        if refused:
            return [self._answer(False, f"error:handler not found,topic:{refused[0]}", wanted.number, wanted.kind)]
        return [self._answer(True, said, wanted.number, wanted.kind)]

    def nonsense(self, talk: Talk, text: str, error: Exception) -> str:
        """With the number of the request, if it can be read."""
        try:
            asked: Any = json.loads(text)
        except ValueError:
            asked = {}
        number = asked.get("req_id", "") if isinstance(asked, dict) else ""
        return self._answer(False, str(error), number, "subscribe")

    def wrapped(self, talk: Talk, name: str, frame: bytes) -> bytes:
        """As it is."""
        return frame

    def stream(self, name: str, now_ms: int) -> Stream | None:
        """From now on."""
        kind, _, sym = name.rpartition(".")
        if not self._known(name):
            raise Unknown(name)
        tape = self._tapes[sym]
        if kind.startswith("kline."):
            interval = kind.removeprefix("kline.")
            return BarStream(tape, INTERVALS[interval], bybit_messages.kline(tape.listing, interval), now_ms)
        return BatchStream(tape, TELLERS[kind](tape, self._floor), now_ms)

    def _known(self, name: str) -> bool:
        kind, _, sym = name.rpartition(".")
        known = kind in TELLERS or (kind.startswith("kline.") and kind.removeprefix("kline.") in INTERVALS)
        return known and sym in self._tapes and self._floor.book.status(sym) != "Closed"

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
