"""Binance's USD-M futures: their listings, and what Binance tells without a key.

https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api
"""

from collections.abc import Mapping
from decimal import Decimal

from services.simulator.binance.rest import FUTURES, api_error, at_hosts
from services.simulator.binance.websocket import INTERVALS_MS
from services.simulator.engine.funding import HOURS_8_MS, funding_rates
from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.trade_history import BEHIND, FIRST_ID, MarketTrade, TradeHistory
from services.simulator.http.request import Handler, HttpRequest

HOUR_MS = 3_600_000
NEVER_MS = 1 << 52
LIMITS = {"klines": 1500, "aggTrades": 1000, "trades": 1000, "historicalTrades": 500}
MOST_RATES = 1000
KEY = "x-mbx-apikey"


def swap(base: str = "BTC", price: Decimal = Decimal("42000.00")) -> Listing:
    """Lists a coin's perpetual, with BTCUSDT's steps."""
    return Listing(
        f"{base}USDT", "swap", base, "USDT", price, Decimal("0.10"), Decimal("0.001"), Decimal("0.001"), Decimal(100)
    )


LISTINGS = (swap(), swap("ETH", Decimal("2300.00")), swap("BNB", Decimal("600.00")))


def routes(state: SimulatorState) -> dict[str, Handler]:
    """Returns the handler of each `METHOD HOST/PATH` of what needs no key."""
    market, futures = BinanceMarket(state), f"GET {FUTURES}/v1"
    table: dict[str, Handler] = {
        "GET api.binance.com/api/v3/time": market.time,
        "GET api.binance.com/api/v3/exchangeInfo": lambda request: {"symbols": []},
        "GET dapi.binance.com/dapi/v1/exchangeInfo": lambda request: {"symbols": []},
        "GET api.binance.com/sapi/v1/margin/allPairs": lambda request: [],
        "GET api.binance.com/sapi/v1/margin/isolated/allPairs": lambda request: [],
        f"{futures}/time": market.time,
        f"{futures}/ping": lambda request: {},
        f"{futures}/exchangeInfo": market.exchange_info,
        f"{futures}/ticker/bookTicker": market.book_ticker,
        f"{futures}/ticker/price": market.price,
        f"{futures}/premiumIndex": market.premium_index,
        f"{futures}/fundingRate": market.funding_rates,
        **dict.fromkeys((f"{futures}/klines", f"{futures}/aggTrades"), _no_history),
    }
    if state.histories:
        table |= BinanceHistory(state).routes(f"{FUTURES}/v1")
    return at_hosts(table)


def _no_history(request: HttpRequest) -> object:
    raise api_error(-1121, "Invalid symbol.")


class BinanceMarket:
    """Handles what needs no key, of the futures: time, listings, best prices, mark prices."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def time(self, request: HttpRequest) -> object:
        """Answers GET time."""
        return {"serverTime": self._state.now_ms()}

    def exchange_info(self, request: HttpRequest) -> object:
        """Answers GET exchangeInfo."""
        listed = [listing for listing in self._state.engine.listings.values() if listing.kind == "swap"]
        return {
            "timezone": "UTC",
            "serverTime": self._state.now_ms(),
            "symbols": [self._symbol(listing) for listing in listed],
        }

    def book_ticker(self, request: HttpRequest) -> object:
        """Answers GET ticker/bookTicker: of one market, or a list of all."""
        now_ms, prices = self._state.now_ms(), self._state.engine.prices
        rows = []
        for sym in self._asked_for(request):
            quote = prices.quote(sym, now_ms)
            rows.append({
                "symbol": sym, "bidPrice": quote.bid, "bidQty": "9.000", "askPrice": quote.ask, "askQty": "9.000",
                "time": now_ms - self._state.quiet_ms, "lastUpdateId": now_ms,
            })  # fmt: skip
        return rows[0] if "symbol" in request.query else rows

    def price(self, request: HttpRequest) -> object:
        """Answers GET ticker/price: of one market, or a list of all."""
        now_ms, prices = self._state.now_ms(), self._state.engine.prices
        rows = [
            {"symbol": sym, "price": prices.quote(sym, now_ms).mid, "time": now_ms} for sym in self._asked_for(request)
        ]
        return rows[0] if "symbol" in request.query else rows

    def premium_index(self, request: HttpRequest) -> object:
        """Answers GET premiumIndex: of one market, or a list of all."""
        now_ms, prices = self._state.now_ms(), self._state.engine.prices
        rows = []
        for sym in self._asked_for(request):
            mid = prices.quote(sym, now_ms).mid
            rows.append({
                "symbol": sym, "markPrice": mid, "indexPrice": mid, "estimatedSettlePrice": mid, "time": now_ms,
                "lastFundingRate": "0.00010000", "interestRate": "0.00010000", "nextFundingTime": now_ms + 28_800_000,
            })  # fmt: skip
        return rows[0] if "symbol" in request.query else rows

    def funding_rates(self, request: HttpRequest) -> object:
        """Answers GET fundingRate: the first ones since startTime, or the last ones there are.

        P: market-data/rest-api/Get-Funding-Rate-History: ascending; limit 100, at most 1000.
        """
        query, now_ms = request.query, self._state.now_ms()
        (sym,) = self._asked_for(request) if "symbol" in query else ("",)
        limit = int(query.get("limit", 100))
        if not sym or not 1 <= limit <= MOST_RATES:
            raise api_error(-1130, "Data sent for parameter 'limit' is not valid.")
        end_ms = min(int(query.get("endTime", now_ms)), now_ms)
        if "startTime" in query:
            found = funding_rates(sym, int(query["startTime"]), end_ms)[:limit]
        else:
            found = funding_rates(sym, end_ms - limit * HOURS_8_MS + 1, end_ms)
        return [
            {"symbol": sym, "fundingTime": at_ms, "fundingRate": format(rate, "f"), "markPrice": "42000.00000000"}
            for at_ms, rate in found
        ]

    def _symbol(self, listing: Listing) -> dict[str, object]:
        """Returns the row of exchangeInfo as it is now.

        A market that is to be delisted has its time as deliveryDate, and then another status.
        """
        engine, row = self._state.engine, symbol(listing)
        ends = int(engine.settings.get(f"delivery:{listing.id}", str(row["deliveryDate"])))
        return {**row, "status": engine.status(listing.id) or row["status"], "deliveryDate": ends}

    def _asked_for(self, request: HttpRequest) -> list[str]:
        wanted = request.query.get("symbol")
        if wanted is not None and wanted not in self._state.engine.listings:
            raise api_error(-1121, "Invalid symbol.")
        return [wanted] if wanted else list(self._state.engine.listings)


def symbol(listing: Listing) -> dict[str, object]:
    """Returns a market's row of exchangeInfo."""
    step, least = str(listing.step), str(listing.min_qty)
    return {
        "symbol": listing.id, "pair": listing.id, "contractType": "PERPETUAL", "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000, "status": "TRADING", "baseAsset": listing.base,
        "quoteAsset": listing.quote,
        "marginAsset": listing.quote, "pricePrecision": 2, "quantityPrecision": 3, "baseAssetPrecision": 8,
        "quotePrecision": 8, "underlyingType": "COIN", "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.10", "maxPrice": "4529764", "tickSize": str(listing.tick)},
            {"filterType": "LOT_SIZE", "minQty": least, "maxQty": str(listing.most_limit), "stepSize": step},
            {"filterType": "MARKET_LOT_SIZE", "minQty": least, "maxQty": str(listing.most_market), "stepSize": step},
            {"filterType": "MIN_NOTIONAL", "notional": str(listing.min_notional)},
            {
                "filterType": "PERCENT_PRICE", "multiplierUp": str(listing.price_up),
                "multiplierDown": str(listing.price_down), "multiplierDecimal": "4",
            },
        ],
    }  # fmt: skip


class BinanceHistory:
    """Handles the history of trades and bars up to the exchange's own now, of the futures and of spot."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def routes(self, root: str) -> Mapping[str, Handler]:
        """Returns the handlers under a host and path, e.g. fapi.binance.com/fapi/v1."""
        return {
            f"GET {root}/aggTrades": self._agg_trades,
            f"GET {root}/trades": self._trades,
            f"GET {root}/historicalTrades": self._historical,
            f"GET {root}/klines": self._klines,
        }

    def _agg_trades(self, request: HttpRequest) -> object:
        history, limit, query = self._history(request), self._limit("aggTrades", request), request.query
        begin, end = query.get("startTime"), query.get("endTime")
        now_ms = self._state.now_ms()
        count = history.upto(now_ms)
        if "fromId" in query:
            if begin or end:
                raise api_error(-1128, "Combination of optional parameters invalid.")
            first = max(history.index(int(query["fromId"]) + BEHIND), 0)
            return [_agg(trade) for trade in history.trades(first, min(first + limit, count))]
        if begin and end and int(end) - int(begin) > HOUR_MS:
            raise api_error(-4179, "Time between startTime and endTime must be within 1 hour.")
        first = history.before(int(begin), now_ms) if begin else 0
        last = history.before(int(end) + 1, now_ms) if end else count
        if begin and not end:
            last = min(first + limit, last)
        else:
            first = max(first, last - limit)  # the window's last ones
        return [_agg(trade) for trade in history.trades(first, last)]

    def _trades(self, request: HttpRequest) -> object:
        history, limit = self._history(request), self._limit("trades", request)
        count = history.upto(self._state.now_ms())
        return [_single(trade) for trade in history.trades(max(count - limit, 0), count)]

    def _historical(self, request: HttpRequest) -> object:
        if KEY not in request.headers:
            raise api_error(-2014, "API-key format invalid.")
        history, limit = self._history(request), self._limit("historicalTrades", request)
        count = history.upto(self._state.now_ms())
        first = int(request.query.get("fromId", FIRST_ID + count - limit))
        begin = max(history.index(first), 0)
        return [_single(trade) for trade in history.trades(begin, min(begin + limit, count))]

    def _klines(self, request: HttpRequest) -> object:
        """Answers GET klines.

        P: market-data/rest-api/Kline-Candlestick-Data: open time, open, high, low, close, volume, close time, quote
        asset volume, number of trades, taker buy base asset volume, taker buy quote asset volume, ignored.
        """
        history, limit, query = self._history(request), self._limit("klines", request), request.query
        length_ms = INTERVALS_MS.get(query.get("interval", ""))
        if length_ms is None:
            raise api_error(-1120, "Invalid interval.")
        now_ms = self._state.now_ms()
        end_ms = min(int(query.get("endTime", NEVER_MS)), now_ms) + 1
        begin_ms = int(query["startTime"]) if "startTime" in query else end_ms - limit * length_ms
        born_ms = history.due_ms(0)
        if born_ms is not None and begin_ms < born_ms:
            begin_ms = born_ms // length_ms * length_ms
        end_ms = min(end_ms, begin_ms + limit * length_ms)
        rows = []
        for bar in history.bars(length_ms, begin_ms, end_ms, now_ms):
            prices = [bar.open, bar.high, bar.low, bar.close, bar.volume]
            traded = [bar.turnover, bar.trades, bar.taken, bar.quote_taken, "0"]
            rows.append([bar.at_ms, *prices, bar.at_ms + length_ms - 1, *traded])
        return rows

    def _history(self, request: HttpRequest) -> TradeHistory:
        history = self._state.histories.get(request.query.get("symbol", ""))
        if history is None:
            raise api_error(-1121, "Invalid symbol.")
        return history

    def _limit(self, name: str, request: HttpRequest) -> int:
        limit = int(request.query.get("limit", 500))
        if not 1 <= limit <= LIMITS[name]:
            raise api_error(-1130, "Data sent for parameter 'limit' is not valid.")
        return limit


def _agg(trade: MarketTrade) -> dict[str, object]:
    return {
        "a": trade.id - BEHIND, "p": trade.price, "q": trade.amount, "f": trade.id, "l": trade.id, "T": trade.at_ms,
        "m": trade.side == "sell",
    }  # fmt: skip


def _single(trade: MarketTrade) -> dict[str, object]:
    return {
        "id": trade.id, "price": trade.price, "qty": trade.amount, "quoteQty": trade.price * trade.amount,
        "time": trade.at_ms, "isBuyerMaker": trade.side == "sell",
    }  # fmt: skip
