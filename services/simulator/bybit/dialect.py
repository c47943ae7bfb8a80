"""Bybit's unified account: its listings, and what it tells without a key.

https://bybit-exchange.github.io/docs/v5/intro
https://bybit-exchange.github.io/docs/v5/market/time
https://bybit-exchange.github.io/docs/v5/market/instrument
https://bybit-exchange.github.io/docs/v5/market/tickers
https://bybit-exchange.github.io/docs/v5/market/kline
https://bybit-exchange.github.io/docs/v5/market/recent-trade
https://bybit-exchange.github.io/docs/v5/market/history-fund-rate
"""

from decimal import Decimal

from services.simulator.bybit.rest import (
    BybitError,
    at_hosts,
    category,
    checked_category,
    exec_id,
    listing_of,
    page,
    public,
)
from services.simulator.bybit.websocket import INTERVALS_MS, SEQ, block_price, every_block
from services.simulator.engine.funding import funding_rates
from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.trade_history import FIRST_ID, TradeHistory
from services.simulator.http.request import Handler, HttpRequest

TRADING = "Trading"
HOURS_8_MS = 28_800_000
NS_PER_MS = 1_000_000
# priceLimitRatioX; the index is the mark here: https://bybit-exchange.github.io/docs/v5/account/set-price-limit (P)
PRICE_UP, PRICE_DOWN = Decimal("1.01"), Decimal("0.99")
MOST_BARS, MOST_TRADES, MOST_SPOT_TRADES, MOST_RATES = 1000, 1000, 60, 200


def swap(base: str = "BTC", price: Decimal = Decimal("42000.00")) -> Listing:
    """Lists a coin's linear perpetual.

    P: https://bybit-exchange.github.io/docs/v5/market/instrument has this row of BTCUSDT.
    """
    return Listing(
        f"{base}USDT", "swap", base, "USDT", price, Decimal("0.10"), Decimal("0.001"), Decimal("0.001"), Decimal(5),
        most_limit=Decimal("1190.000"), most_market=Decimal("500.000"), price_up=PRICE_UP, price_down=PRICE_DOWN,
    )  # fmt: skip


def spot(base: str = "BTC", price: Decimal = Decimal("42000.0")) -> Listing:
    """Lists a coin's pair with USDT. P: the same page."""
    return Listing(
        f"{base}USDT", "spot", base, "USDT", price, Decimal("0.1"), Decimal("0.000001"), Decimal("0.000011"),
        Decimal(5), most_limit=Decimal(83), most_market=Decimal("41.5"), price_up=PRICE_UP, price_down=PRICE_DOWN,
    )  # fmt: skip


# Both kinds of market have the same ids at Bybit: a simulator has one of the kinds.
LISTINGS = (swap(), swap("ETH", Decimal("2300.00")), swap("BNB", Decimal("600.00")))
SPOT_LISTINGS = (spot(), spot("ETH", Decimal("2300.0")), spot("BNB", Decimal("600.0")))


def routes(state: SimulatorState) -> dict[str, Handler]:
    """Returns the handler of each `METHOD HOST/PATH` of what needs no key."""
    market = BybitMarket(state)
    table: dict[str, Handler] = {
        "GET market/time": market.time,
        "GET market/instruments-info": market.instruments,
        "GET market/tickers": market.tickers,
        "GET market/funding/history": market.funding_rates,
    }
    if state.histories:
        table |= {"GET market/kline": market.klines, "GET market/recent-trade": market.recent_trades}
    return at_hosts({route: public(state, handler) for route, handler in table.items()})


class BybitMarket:
    """Handles what needs no key: time, instruments, tickers, and the history of trades, newest first."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def time(self, request: HttpRequest) -> object:
        """Answers GET market/time."""
        now_ms = self._state.now_ms()
        return {"timeSecond": str(now_ms // 1000), "timeNano": str(now_ms * NS_PER_MS)}

    def instruments(self, request: HttpRequest) -> object:
        """Answers GET market/instruments-info: only those in trade, unless another status is asked for."""
        query = request.query
        kind, wanted = checked_category(query), query.get("status", TRADING)
        found = [
            _instrument(listing, self._status(listing), self._state.engine.settings.get(f"delivery:{listing.id}", "0"))
            for listing in self._state.engine.listings.values()
            if category(listing) == kind and self._status(listing) == wanted
            if query.get("symbol", listing.id) == listing.id
        ]
        if kind == "spot":
            return {"category": kind, "list": found}
        rows, cursor = page(found, query, 500, 1000)
        return {"category": kind, "list": rows, "nextPageCursor": cursor}

    def tickers(self, request: HttpRequest) -> object:
        """Answers GET market/tickers: a row has no time of its own."""
        query, kind = request.query, checked_category(request.query)
        if "symbol" in query:
            listings = [listing_of(self._state, query)]
        else:
            listings = [listing for listing in self._state.engine.listings.values() if category(listing) == kind]
        listings = [listing for listing in listings if self._status(listing) != "Closed"]
        if not listings and "symbol" in query:
            raise BybitError(10001, "params error: symbol invalid")
        return {"category": kind, "list": [self._ticker(listing) for listing in listings]}

    def _status(self, listing: Listing) -> str:
        return self._state.engine.status(listing.id) or TRADING

    def _ticker(self, listing: Listing) -> dict[str, object]:
        now_ms = self._state.now_ms()
        quote = self._state.engine.prices.quote(listing.id, now_ms)
        row: dict[str, object] = {
            "symbol": listing.id, "lastPrice": quote.mid, "bid1Price": quote.bid, "bid1Size": "9",
            "ask1Price": quote.ask, "ask1Size": "9", "prevPrice24h": quote.mid, "price24hPcnt": "0",
            "highPrice24h": quote.mid, "lowPrice24h": quote.mid, "turnover24h": "0", "volume24h": "0",
        }  # fmt: skip
        if listing.kind == "spot":
            return {**row, "usdIndexPrice": quote.mid}
        due_ms = (now_ms // HOURS_8_MS + 1) * HOURS_8_MS
        return row | {
            "indexPrice": quote.mid, "markPrice": quote.mid, "prevPrice1h": quote.mid, "openInterest": "68744.761",
            "openInterestValue": "1183601235.91", "fundingRate": "0.0001", "nextFundingTime": str(due_ms),
            "predictedDeliveryPrice": "", "basisRate": "", "deliveryFeeRate": "", "deliveryTime": "0", "basis": "",
            "preOpenPrice": "", "preQty": "", "curPreListingPhase": "", "fundingIntervalHour": "8",
            "fundingCap": "0.005",
        }  # fmt: skip

    def klines(self, request: HttpRequest) -> object:
        """Answers GET market/kline: from `start` on, or the last ones before `end`."""
        query, history = request.query, self._history(request)
        length_ms, limit = INTERVALS_MS.get(query.get("interval", "")), _limit(request, 200, MOST_BARS)
        if length_ms is None:
            raise BybitError(10001, "Invalid period!")
        now_ms = self._state.now_ms()
        if "start" in query:
            start_ms = -(-int(query["start"]) // length_ms) * length_ms
            end_ms = min(int(query.get("end", now_ms)), now_ms)
            if "end" not in query:
                end_ms = min(end_ms, start_ms + (limit - 1) * length_ms)
        else:
            end_ms = min(int(query.get("end", now_ms)), now_ms)
            start_ms = (end_ms // length_ms - limit + 1) * length_ms
        bars = history.bars(length_ms, start_ms, end_ms + 1, now_ms)[-limit:]
        rows = [
            [str(bar.at_ms), bar.open, bar.high, bar.low, bar.close, bar.volume, bar.turnover] for bar in reversed(bars)
        ]
        return {"symbol": history.listing.id, "category": category(history.listing), "list": rows}

    def recent_trades(self, request: HttpRequest) -> object:
        """Answers GET market/recent-trade: nothing older can be asked for."""
        history = self._history(request)
        swap = history.listing.kind == "swap"
        limit = _limit(request, 500, MOST_TRADES) if swap else _limit(request, MOST_SPOT_TRADES, MOST_SPOT_TRADES)
        count = history.upto(self._state.now_ms())
        rows, every, kind = list[dict[str, object]](), every_block(self._state), history.listing.kind
        for trade in reversed(history.trades(max(count - limit, 0), count)):
            row = {
                "execId": exec_id(trade.id, kind), "symbol": history.listing.id, "price": trade.price,
                "size": trade.amount, "side": trade.side.capitalize(), "time": str(trade.at_ms),
                "isBlockTrade": False, "isRPITrade": False, "seq": str(SEQ + trade.id - FIRST_ID),
            }  # fmt: skip
            if every and (trade.id - FIRST_ID) % every == 0:
                far = block_price(trade.price, history.listing.tick)
                rows.append({**row, "execId": exec_id(-trade.id, kind), "price": far, "isBlockTrade": True})
            rows.append(row)
        return {"category": category(history.listing), "list": rows[:limit]}

    def funding_rates(self, request: HttpRequest) -> object:
        """Answers GET market/funding/history: every eight hours."""
        query, listing = request.query, listing_of(self._state, request.query)
        if "startTime" in query and "endTime" not in query:
            raise BybitError(10001, "params error: endTime is required")
        now_ms, limit = self._state.now_ms(), _limit(request, MOST_RATES, MOST_RATES)
        end_ms = min(int(query.get("endTime", now_ms)), now_ms) // HOURS_8_MS * HOURS_8_MS
        start_ms = max(int(query.get("startTime", 0)), end_ms - (limit - 1) * HOURS_8_MS)
        rows = [
            {"symbol": listing.id, "fundingRate": format(found.rate, "f"), "fundingRateTimestamp": str(found.at_ms)}
            for found in reversed(funding_rates(listing.id, start_ms, end_ms))
        ]
        return {"category": category(listing), "list": rows}

    def _history(self, request: HttpRequest) -> TradeHistory:
        return self._state.histories[listing_of(self._state, request.query).id]


def _instrument(listing: Listing, status: str, delivery_ms: str) -> dict[str, object]:
    """Returns a market's row of instruments-info.

    Its lotSizeFilter has the largest order with a price and the largest market order by different names.
    """
    row: dict[str, object] = {
        "symbol": listing.id, "status": status, "baseCoin": listing.base, "quoteCoin": listing.quote,
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"}, "symbolType": "",
    }  # fmt: skip
    limit, market = _plain(listing.most_limit), _plain(listing.most_market)
    if listing.kind == "spot":
        return row | {
            "innovation": "0", "marginTrading": "utaOnly", "stTag": "0", "priceFilter": {"tickSize": listing.tick},
            "lotSizeFilter": {
                "basePrecision": listing.step, "quotePrecision": "0.0000001", "minOrderQty": listing.min_qty,
                "maxOrderQty": limit, "minOrderAmt": listing.min_notional, "maxOrderAmt": "8000000",
                "maxLimitOrderQty": limit, "maxMarketOrderQty": market, "postOnlyMaxLimitOrderSize": "60000",
            },
        }  # fmt: skip
    return row | {
        "contractType": "LinearPerpetual", "launchTime": "1585526400000", "deliveryTime": delivery_ms,
        "deliveryFeeRate": "", "priceScale": "2", "unifiedMarginTrade": True, "fundingInterval": 480,
        "settleCoin": listing.quote, "copyTrading": "both", "upperFundingRate": "0.005",
        "lowerFundingRate": "-0.005", "isPreListing": False, "preListingInfo": None, "displayName": "",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": str(listing.most_leverage), "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": listing.tick},
        "lotSizeFilter": {
            "maxOrderQty": limit, "minOrderQty": listing.min_qty, "qtyStep": listing.step,
            "postOnlyMaxOrderQty": limit, "maxMktOrderQty": market, "minNotionalValue": listing.min_notional,
        },
    }  # fmt: skip


def _plain(number: Decimal) -> str:
    return format(number, "f")


def _limit(request: HttpRequest, default: int, most: int) -> int:
    limit = int(request.query.get("limit", default))
    if not 1 <= limit <= most:
        raise BybitError(10001, "params error: limit invalid")
    return limit
