"""What Bybit tells anybody: time, instruments, tickers.

https://bybit-exchange.github.io/docs/v5/market/time
https://bybit-exchange.github.io/docs/v5/market/instrument
https://bybit-exchange.github.io/docs/v5/market/tickers
"""

from decimal import Decimal

from services.simulator.bybit.authentication import Failed
from services.simulator.bybit.rows import category, checked_category, listing_of, page
from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import Asked

TRADING = "Trading"
HOURS_8_MS = 28_800_000
NS_PER_MS = 1_000_000


class BybitMarket:
    """Answers about markets, in Bybit's words."""

    def __init__(self, floor: SimulatorState) -> None:
        self._floor = floor

    def time(self, asked: Asked) -> object:
        """GET market/time."""
        now_ms = self._floor.now_ms()
        return {"timeSecond": str(now_ms // 1000), "timeNano": str(now_ms * NS_PER_MS)}

    def instruments(self, asked: Asked) -> object:
        """GET market/instruments-info: only those in trade, unless another status is asked for."""
        query = asked.query
        kind, wanted = checked_category(query), query.get("status", TRADING)
        found = [
            _instrument(listing, self._status(listing), self._floor.book.settings.get(f"delivery:{listing.id}", "0"))
            for listing in self._floor.book.listings.values()
            if category(listing) == kind and self._status(listing) == wanted
            if query.get("symbol", listing.id) == listing.id
        ]
        if kind == "spot":
            return {"category": kind, "list": found}
        rows, cursor = page(found, query, 500, 1000)
        return {"category": kind, "list": rows, "nextPageCursor": cursor}

    def tickers(self, asked: Asked) -> object:
        """GET market/tickers: a row has no time of its own."""
        query, kind = asked.query, checked_category(asked.query)
        if "symbol" in query:
            listings = [listing_of(self._floor, query)]
        else:
            listings = [listing for listing in self._floor.book.listings.values() if category(listing) == kind]
        listings = [listing for listing in listings if self._status(listing) != "Closed"]
        if not listings and "symbol" in query:
            raise Failed(10001, "params error: symbol invalid")
        return {"category": kind, "list": [self._ticker(listing) for listing in listings]}

    def _status(self, listing: Listing) -> str:
        return self._floor.book.status(listing.id) or TRADING

    def _ticker(self, listing: Listing) -> dict[str, object]:
        now_ms = self._floor.now_ms()
        quote = self._floor.book.prices.quote(listing.id, now_ms)
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


def _instrument(listing: Listing, status: str, delivery_ms: str) -> dict[str, object]:
    """Its lotSizeFilter has the largest order with a price and the largest market order by different names."""
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
