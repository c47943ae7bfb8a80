"""Binance's REST history of trades and bars over tapes, up to the venue's own now.

https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api
"""

from collections.abc import Mapping

from services.simulator.binance.authentication import refused
from services.simulator.engine.intervals import INTERVALS_MS
from services.simulator.engine.market import FakeTrade
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.trade_history import BEHIND, FIRST_ID, TradeHistory
from services.simulator.http.request import Asked
from services.simulator.http.server import Answer

HOUR_MS = 3_600_000
NEVER_MS = 1 << 52
LIMITS = {"klines": 1500, "aggTrades": 1000, "trades": 1000, "historicalTrades": 500}
KEY = "x-mbx-apikey"


class BinanceHistory:
    """tapes: by the venue's id of the market."""

    def __init__(self, floor: SimulatorState, tapes: Mapping[str, TradeHistory]) -> None:
        self._floor, self._tapes = floor, tapes

    def routes(self, root: str) -> Mapping[str, Answer]:
        """Under a host and path, e.g. fapi.binance.com/fapi/v1."""
        return {
            f"GET {root}/aggTrades": self._agg_trades,
            f"GET {root}/trades": self._trades,
            f"GET {root}/historicalTrades": self._historical,
            f"GET {root}/klines": self._klines,
        }

    def _agg_trades(self, asked: Asked) -> object:
        tape, limit, query = self._tape(asked), self._limit("aggTrades", asked), asked.query
        begin, end = query.get("startTime"), query.get("endTime")
        now_ms = self._floor.now_ms()
        count = tape.upto(now_ms)
        if "fromId" in query:
            if begin or end:
                raise refused(-1128, "Combination of optional parameters invalid.")
            first = max(tape.index(int(query["fromId"]) + BEHIND), 0)
            return [_agg(trade) for trade in tape.trades(first, min(first + limit, count))]
        if begin and end and int(end) - int(begin) > HOUR_MS:
            raise refused(-4179, "Time between startTime and endTime must be within 1 hour.")
        first = tape.before(int(begin), now_ms) if begin else 0
        last = tape.before(int(end) + 1, now_ms) if end else count
        if begin and not end:
            last = min(first + limit, last)
        else:
            first = max(first, last - limit)  # the window's last ones
        return [_agg(trade) for trade in tape.trades(first, last)]

    def _trades(self, asked: Asked) -> object:
        tape, limit = self._tape(asked), self._limit("trades", asked)
        count = tape.upto(self._floor.now_ms())
        return [_single(trade) for trade in tape.trades(max(count - limit, 0), count)]

    def _historical(self, asked: Asked) -> object:
        if KEY not in asked.headers:
            raise refused(-2014, "API-key format invalid.")
        tape, limit = self._tape(asked), self._limit("historicalTrades", asked)
        count = tape.upto(self._floor.now_ms())
        first = int(asked.query.get("fromId", FIRST_ID + count - limit))
        begin = max(tape.index(first), 0)
        return [_single(trade) for trade in tape.trades(begin, min(begin + limit, count))]

    def _klines(self, asked: Asked) -> object:
        tape, limit, query = self._tape(asked), self._limit("klines", asked), asked.query
        length_ms = INTERVALS_MS.get(query.get("interval", ""))
        if length_ms is None:
            raise refused(-1120, "Invalid interval.")
        now_ms = self._floor.now_ms()
        end_ms = min(int(query.get("endTime", NEVER_MS)), now_ms) + 1
        begin_ms = int(query["startTime"]) if "startTime" in query else end_ms - limit * length_ms
        born_ms = tape.due_ms(0)
        if born_ms is not None and begin_ms < born_ms:
            begin_ms = born_ms // length_ms * length_ms
        end_ms = min(end_ms, begin_ms + limit * length_ms)
        rows = []
        for bar in tape.bars(length_ms, begin_ms, end_ms, now_ms):
            prices = [bar.open, bar.high, bar.low, bar.close, bar.volume]
            rows.append([bar.at_ms, *prices, bar.at_ms + length_ms - 1, "0", 1, "0", "0", "0"])
        return rows

    def _tape(self, asked: Asked) -> TradeHistory:
        tape = self._tapes.get(asked.query.get("symbol", ""))
        if tape is None:
            raise refused(-1121, "Invalid symbol.")
        return tape

    def _limit(self, name: str, asked: Asked) -> int:
        limit = int(asked.query.get("limit", 500))
        if not 1 <= limit <= LIMITS[name]:
            raise refused(-1130, "Data sent for parameter 'limit' is not valid.")
        return limit


def _agg(trade: FakeTrade) -> dict[str, object]:
    return {
        "a": trade.id - BEHIND, "p": trade.price, "q": trade.amount, "f": trade.id, "l": trade.id, "T": trade.at_ms,
        "m": trade.side == "sell",
    }  # fmt: skip


def _single(trade: FakeTrade) -> dict[str, object]:
    return {
        "id": trade.id, "price": trade.price, "qty": trade.amount, "quoteQty": trade.price * trade.amount,
        "time": trade.at_ms, "isBuyerMaker": trade.side == "sell",
    }  # fmt: skip
