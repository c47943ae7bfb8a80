"""Binance's USD-M futures as far as public history goes, for downloads: forms and limits as its documentation has them.

https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

from services.simulator.binance.dialect import swap, symbol
from services.simulator.engine.trade_history import MarketBar, MarketTrade
from services.simulator.http.request import ApiError, Handler, HttpRequest

Query = Mapping[str, str]
FAPI = "GET fapi.binance.com/fapi/v1"
HOUR_MS = 3_600_000
LIMITS = {"klines": 1500, "aggTrades": 1000, "fundingRate": 1000}
TICK = Decimal("0.10")
STEP = Decimal("0.001")


class FundingRate(NamedTuple):
    """A funding rate."""

    at_ms: int
    rate: Decimal


T = TypeVar("T", MarketBar, MarketTrade, FundingRate)


@dataclass
class PastMarket:
    """The past of a market, each in order of time. bars: by interval, e.g. 12h."""

    bars: dict[str, list[MarketBar]] = field(default_factory=dict)
    trades: list[MarketTrade] = field(default_factory=list)
    rates: list[FundingRate] = field(default_factory=list)


def bars(start_ms: int, interval_ms: int, count: int, seed: int = 1) -> list[MarketBar]:
    """Returns a walk of prices with an exchange's digits: 42000.10, never 42000.1."""
    dice, made, price = random.Random(seed), [], Decimal("42000.00")
    for at_ms in range(start_ms, start_ms + count * interval_ms, interval_ms):
        close = price + TICK * dice.randint(-3000, 3000)
        high, low = max(price, close) + TICK * dice.randint(0, 500), min(price, close) - TICK * dice.randint(0, 500)
        volume = STEP * dice.randint(0, 10**9)
        taken = volume * dice.randint(0, 8) / 8
        turnover, count = volume * (high + low) / 2, dice.randint(0, 10**6)
        made.append(MarketBar(at_ms, price, high, low, close, volume, turnover, count, taken, taken * price))
        price = close
    return made


def trades(start_ms: int, apart_ms: Sequence[int], first_id: int = 1_000, seed: int = 1) -> list[MarketTrade]:
    """Returns one trade, and one more after each of these times; 0 is a trade in the same millisecond."""
    dice, at_ms = random.Random(seed), start_ms
    made = []
    for number, apart in enumerate((0, *apart_ms), first_id):
        at_ms += apart
        price = Decimal("42000.00") + TICK * dice.randint(-1000, 1000)
        made.append(MarketTrade(number, at_ms, price, STEP * dice.randint(1, 10**6), dice.choice(("buy", "sell"))))
    return made


def rates(start_ms: int, interval_ms: int, count: int, seed: int = 1) -> list[FundingRate]:
    """Returns rates with eight digits, positive and negative."""
    dice = random.Random(seed)
    return [
        FundingRate(start_ms + number * interval_ms, Decimal(dice.randint(-(10**5), 10**5)).scaleb(-8))
        for number in range(count)
    ]


@dataclass
class PageFaults:
    """What is wrong with the pages.

    repeat: each page has its first row twice
    overlap: a page begins so many rows before the time asked for
    stuck: the time and the id asked for are ignored, and the oldest page comes
    only_latest: the latest page comes
    """

    repeat: bool = False
    overlap: int = 0
    stuck: bool = False
    only_latest: bool = False


@dataclass
class PublicHistory:
    """Handles requests for history at the time `now_ms`; what is later is not there yet.

    markets: by Binance's id, e.g. BTCUSDT
    """

    markets: dict[str, PastMarket]
    now_ms: int
    faults: PageFaults = field(default_factory=PageFaults)

    @property
    def routes(self) -> Mapping[str, Handler]:
        """The handler of each `METHOD HOST/PATH`."""
        table: dict[str, Callable[[Query], object]] = {
            "GET api.binance.com/api/v3/time": self._time,
            f"{FAPI}/time": self._time,
            "GET api.binance.com/api/v3/exchangeInfo": lambda query: {"symbols": []},
            "GET dapi.binance.com/dapi/v1/exchangeInfo": lambda query: {"symbols": []},
            f"{FAPI}/exchangeInfo": self._exchange_info,
            f"{FAPI}/klines": self._klines,
            f"{FAPI}/aggTrades": self._agg_trades,
            f"{FAPI}/fundingRate": self._funding_rate,
        }
        return {route: partial(_by_query, answer) for route, answer in table.items()}

    def _time(self, query: Query) -> object:
        return {"serverTime": self.now_ms}

    def _exchange_info(self, query: Query) -> object:
        return {
            "serverTime": self.now_ms,
            "symbols": [symbol(swap(name.removesuffix("USDT"))) for name in self.markets],
        }

    def _klines(self, query: Query) -> object:
        interval = query["interval"]
        held = self._market(query).bars.get(interval)
        if held is None:
            raise ApiError(400, {"code": -1120, "msg": "Invalid interval."})
        length_ms = held[1].at_ms - held[0].at_ms if len(held) > 1 else HOUR_MS
        return [_kline(bar, length_ms) for bar in self._page("klines", held, query)]

    def _agg_trades(self, query: Query) -> object:
        held = self._market(query).trades
        if "fromId" in query:
            if "startTime" in query or "endTime" in query:
                raise ApiError(400, {"code": -1128, "msg": "Combination of optional parameters invalid."})
            first_id = 0 if self.faults.stuck else int(query["fromId"])
            found = [trade for trade in self._past(held) if trade.id >= first_id]
            return [_agg_trade(trade) for trade in self._cut(found, self._limit("aggTrades", query))]
        if "startTime" in query and "endTime" in query:
            if int(query["endTime"]) - int(query["startTime"]) > HOUR_MS:
                raise ApiError(400, {"code": -4179, "msg": "Time between startTime and endTime must be within 1 hour."})
            inside = [trade for trade in self._past(held) if _inside(trade, query)]
            return [_agg_trade(trade) for trade in inside[-self._limit("aggTrades", query) :]]  # the window's last ones
        return [_agg_trade(trade) for trade in self._page("aggTrades", held, query)]

    def _funding_rate(self, query: Query) -> object:
        symbol = query["symbol"]
        return [
            {"symbol": symbol, "fundingRate": str(rate.rate), "fundingTime": rate.at_ms, "markPrice": "42000.00000000"}
            for rate in self._page("fundingRate", self._market(query).rates, query)
        ]

    def _page(self, name: str, held: Sequence[T], query: Query) -> list[T]:
        limit, past = self._limit(name, query), self._past(held)
        if self.faults.stuck:
            return past[:limit]
        if "startTime" not in query or self.faults.only_latest:
            return past[-limit:]
        first = next((at for at, row in enumerate(past) if row.at_ms >= int(query["startTime"])), len(past))
        first = max(first - self.faults.overlap, 0)
        return self._cut([row for row in islice(past, first, None) if _inside(row, query, begins=False)], limit)

    def _cut(self, rows: list[T], limit: int) -> list[T]:
        twice = rows[:1] + rows if self.faults.repeat else rows
        return twice[:limit]

    def _past(self, held: Sequence[T]) -> list[T]:
        return [row for row in held if row.at_ms <= self.now_ms]

    def _limit(self, name: str, query: Query) -> int:
        limit = int(query.get("limit", 500))
        if not 1 <= limit <= LIMITS[name]:
            raise ApiError(400, {"code": -1130, "msg": "Data sent for parameter 'limit' is not valid."})
        return limit

    def _market(self, query: Query) -> PastMarket:
        try:
            return self.markets[query["symbol"]]
        except KeyError:
            raise ApiError(400, {"code": -1121, "msg": "Invalid symbol."}) from None


def _by_query(answer: Callable[[Query], object], asked: HttpRequest) -> object:
    return answer(asked.query)


def _inside(row: MarketBar | MarketTrade | FundingRate, query: Query, begins: bool = True) -> bool:
    begun = not begins or row.at_ms >= int(query.get("startTime", 0))
    return begun and row.at_ms <= int(query.get("endTime", 2**62))


def _kline(bar: MarketBar, length_ms: int) -> list[object]:
    prices = [str(price) for price in (bar.open, bar.high, bar.low, bar.close, bar.volume)]
    traded = [str(bar.turnover), bar.trades, str(bar.taken), str(bar.quote_taken), "0"]
    return [bar.at_ms, *prices, bar.at_ms + length_ms - 1, *traded]


def _agg_trade(trade: MarketTrade) -> dict[str, object]:
    return {
        "a": trade.id, "p": str(trade.price), "q": str(trade.amount), "f": trade.id, "l": trade.id, "T": trade.at_ms,
        "m": trade.side == "sell",
    }  # fmt: skip
