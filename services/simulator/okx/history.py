"""OKX's public history over tapes: bars, trades, funding rates; the newest first.

https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-candlesticks
https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-trades and ...-get-trades-history
https://www.okx.com/docs-v5/en/#public-data-rest-api-get-funding-rate-history
"""

from services.simulator.engine.intervals import OKX as INTERVALS
from services.simulator.engine.market import FakeTrade
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.trade_history import TradeHistory
from services.simulator.http.request import Asked
from services.simulator.okx.authentication import refused

HOURS_8_MS = 28_800_000
MOST_BARS, MOST_TRADES, MOST_PAST_TRADES, MOST_RATES = 300, 500, 100, 100
RECENT_BARS = 1440  # older ones only in history-candles


class OkxHistory:
    """Answers about what has been, in OKX's words. `after` is older than, `before` newer than, both left out."""

    def __init__(self, floor: SimulatorState) -> None:
        self._floor = floor

    def candles(self, asked: Asked) -> object:
        """GET market/candles and market/history-candles: with `before` alone, still the newest ones."""
        query, tape = asked.query, self._tape(asked)
        length_ms, now_ms = INTERVALS.get(query.get("bar", "1m")), self._floor.now_ms()
        if length_ms is None:
            raise refused("51000", "Parameter bar error")
        limit = _limit(asked, 100, MOST_BARS)
        end_ms = min(int(query.get("after", now_ms + 1)), now_ms + 1)
        start_ms = int(query.get("before", -1)) + 1
        if "history" not in asked.path:
            start_ms = max(start_ms, now_ms // length_ms * length_ms - (RECENT_BARS - 1) * length_ms)
        start_ms = max(start_ms, end_ms - (limit + 1) * length_ms)
        bars = tape.bars(length_ms, start_ms, end_ms, now_ms)[-limit:]
        size = tape.listing.contract_size
        return [
            [
                str(bar.at_ms), bar.open, bar.high, bar.low, bar.close, bar.volume / size, bar.volume,
                bar.volume * bar.close, str(int(bar.at_ms + length_ms <= now_ms)),
            ]
            for bar in reversed(bars)
        ]  # fmt: skip

    def trades(self, asked: Asked) -> object:
        """GET market/trades: the last ones."""
        tape, limit = self._tape(asked), _limit(asked, 100, MOST_TRADES)
        count = tape.upto(self._floor.now_ms())
        return [_row(tape, trade) for trade in reversed(tape.trades(max(count - limit, 0), count))]

    def past_trades(self, asked: Asked) -> object:
        """GET market/history-trades: type 1 pages by id, 2 by time."""
        query, tape, limit = asked.query, self._tape(asked), _limit(asked, 100, MOST_PAST_TRADES)
        now_ms = self._floor.now_ms()
        first, last = 0, tape.upto(now_ms)
        if query.get("type", "1") == "2":
            last = tape.before(int(query["after"]), now_ms) if "after" in query else last
        else:
            last = min(tape.index(int(query["after"])), last) if "after" in query else last
            first = max(tape.index(int(query["before"])) + 1, 0) if "before" in query else first
        return [_row(tape, trade) for trade in reversed(tape.trades(max(last - limit, first, 0), max(last, 0)))]

    def funding_rates(self, asked: Asked) -> object:
        """GET public/funding-rate-history: every eight hours."""
        query, now_ms, limit = asked.query, self._floor.now_ms(), _limit(asked, MOST_RATES, MOST_RATES)
        id_ = query.get("instId", "")
        if id_ not in self._floor.book.listings:
            raise refused("51001", "Instrument ID doesn't exist.")
        end_ms = (min(int(query.get("after", now_ms + 1)), now_ms + 1) - 1) // HOURS_8_MS * HOURS_8_MS
        start_ms = max(int(query.get("before", 0)) + 1, end_ms - (limit - 1) * HOURS_8_MS)
        return [
            {
                "instType": "SWAP", "instId": id_, "fundingRate": "0.0001", "realizedRate": "0.0001",
                "fundingTime": str(at_ms), "method": "current_period",
            }
            for at_ms in range(end_ms, start_ms - 1, -HOURS_8_MS)
        ]  # fmt: skip

    def _tape(self, asked: Asked) -> TradeHistory:
        tape = self._floor.tapes.get(asked.query.get("instId", ""))
        if tape is None:
            raise refused("51001", "Instrument ID doesn't exist.")
        return tape


def _row(tape: TradeHistory, trade: FakeTrade) -> dict[str, object]:
    return {
        "instId": tape.listing.id, "tradeId": str(trade.id), "px": trade.price,
        "sz": trade.amount / tape.listing.contract_size, "side": trade.side, "ts": str(trade.at_ms), "source": "0",
    }  # fmt: skip


def _limit(asked: Asked, default: int, most: int) -> int:
    return max(1, min(int(asked.query.get("limit", default)), most))
