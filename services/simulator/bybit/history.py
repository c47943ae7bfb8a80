"""Bybit's public history over tapes: bars, recent trades, funding rates.

https://bybit-exchange.github.io/docs/v5/market/kline
https://bybit-exchange.github.io/docs/v5/market/recent-trade
https://bybit-exchange.github.io/docs/v5/market/history-fund-rate
"""

from services.simulator.bybit.authentication import Failed
from services.simulator.bybit.rows import category, exec_id, listing_of
from services.simulator.bybit.streams import block_price, every_block
from services.simulator.engine.intervals import BYBIT as INTERVALS
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.trade_history import FIRST_ID, TradeHistory
from services.simulator.http.request import Asked

HOURS_8_MS = 28_800_000
MOST_BARS, MOST_TRADES, MOST_SPOT_TRADES, MOST_RATES = 1000, 1000, 60, 200
SEQ = 816_281_000_000


class BybitHistory:
    """Answers about what has been, in Bybit's words; the newest first."""

    def __init__(self, floor: SimulatorState) -> None:
        self._floor = floor

    def klines(self, asked: Asked) -> object:
        """GET market/kline: from `start` on, or the last ones before `end`."""
        query, tape = asked.query, self._tape(asked)
        length_ms, limit = INTERVALS.get(query.get("interval", "")), _limit(asked, 200, MOST_BARS)
        if length_ms is None:
            raise Failed(10001, "Invalid period!")
        now_ms = self._floor.now_ms()
        if "start" in query:
            start_ms = -(-int(query["start"]) // length_ms) * length_ms
            end_ms = min(int(query.get("end", now_ms)), now_ms)
            if "end" not in query:
                end_ms = min(end_ms, start_ms + (limit - 1) * length_ms)
        else:
            end_ms = min(int(query.get("end", now_ms)), now_ms)
            start_ms = (end_ms // length_ms - limit + 1) * length_ms
        bars = tape.bars(length_ms, start_ms, end_ms + 1, now_ms)[-limit:]
        rows = [
            [str(bar.at_ms), bar.open, bar.high, bar.low, bar.close, bar.volume, bar.volume * bar.close]
            for bar in reversed(bars)
        ]
        return {"symbol": tape.listing.id, "category": category(tape.listing), "list": rows}

    def recent_trades(self, asked: Asked) -> object:
        """GET market/recent-trade: nothing older can be asked for."""
        tape = self._tape(asked)
        swap = tape.listing.kind == "swap"
        limit = _limit(asked, 500, MOST_TRADES) if swap else _limit(asked, MOST_SPOT_TRADES, MOST_SPOT_TRADES)
        count = tape.upto(self._floor.now_ms())
        rows, every, kind = list[dict[str, object]](), every_block(self._floor), tape.listing.kind
        for trade in reversed(tape.trades(max(count - limit, 0), count)):
            row = {
                "execId": exec_id(trade.id, kind), "symbol": tape.listing.id, "price": trade.price,
                "size": trade.amount, "side": trade.side.capitalize(), "time": str(trade.at_ms),
                "isBlockTrade": False, "isRPITrade": False, "seq": str(SEQ + trade.id - FIRST_ID),
            }  # fmt: skip
            if every and (trade.id - FIRST_ID) % every == 0:
                far = block_price(trade.price, tape.listing.tick)
                rows.append({**row, "execId": exec_id(-trade.id, kind), "price": far, "isBlockTrade": True})
            rows.append(row)
        return {"category": category(tape.listing), "list": rows[:limit]}

    def funding_rates(self, asked: Asked) -> object:
        """GET market/funding/history: every eight hours."""
        query, listing = asked.query, listing_of(self._floor, asked.query)
        if "startTime" in query and "endTime" not in query:
            raise Failed(10001, "params error: endTime is required")
        now_ms, limit = self._floor.now_ms(), _limit(asked, MOST_RATES, MOST_RATES)
        end_ms = min(int(query.get("endTime", now_ms)), now_ms) // HOURS_8_MS * HOURS_8_MS
        start_ms = max(int(query.get("startTime", 0)), end_ms - (limit - 1) * HOURS_8_MS)
        rows = [
            {"symbol": listing.id, "fundingRate": "0.0001", "fundingRateTimestamp": str(at_ms)}
            for at_ms in range(end_ms, start_ms - 1, -HOURS_8_MS)
        ]
        return {"category": category(listing), "list": rows}

    def _tape(self, asked: Asked) -> TradeHistory:
        return self._floor.tapes[listing_of(self._floor, asked.query).id]


def _limit(asked: Asked, default: int, most: int) -> int:
    limit = int(asked.query.get("limit", default))
    if not 1 <= limit <= most:
        raise Failed(10001, "params error: limit invalid")
    return limit
