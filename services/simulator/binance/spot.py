"""Binance's spot market, another API than the futures': what is the same comes from `orders` and `dialect`.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from services.simulator.binance.dialect import BinanceHistory
from services.simulator.binance.orders import BinanceOrders
from services.simulator.binance.rest import api_error, signed
from services.simulator.engine.events import DeclineReason, EngineFill, EngineOrder, State
from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import Handler, HttpRequest

ARCHIVED_MS = 90 * 86_400_000
HOSTS = ("api.binance.com/api/v3", "demo-api.binance.com/api/v3")
RIGHTS = "GET api.binance.com/sapi/v1/account/apiRestrictions"


def spot(base: str = "BTC", price: Decimal = Decimal("42000.00")) -> Listing:
    """Lists a coin's pair with USDT."""
    return Listing(
        f"{base}USDT", "spot", base, "USDT", price, Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(5),
        price_up=Decimal(5), price_down=Decimal("0.2"),
    )  # fmt: skip


class SpotOrders(BinanceOrders):
    """Handles requests about orders and trades, those that wait for a price among them."""

    SPAN_MS: ClassVar[int] = 86_400_000
    TOO_LONG: ClassVar[tuple[int, str]] = (-1127, "More than 24 hours between startTime and endTime.")
    CODES: ClassVar[Mapping[DeclineReason, tuple[int, str]]] = {
        DeclineReason.MARGIN: (-2010, "Account has insufficient balance for requested action."),
        DeclineReason.REDUCE_ONLY: (-1104, "Not all sent parameters were read."),
        DeclineReason.DUPLICATE: (-2010, "Duplicate order sent."),
        DeclineReason.STEP: (-1013, "Filter failure: LOT_SIZE"),
        DeclineReason.MIN_QTY: (-1013, "Filter failure: LOT_SIZE"),
        DeclineReason.MIN_NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
        DeclineReason.MOST_MARKET: (-1013, "Filter failure: MARKET_LOT_SIZE"),
        DeclineReason.NOT_TRADING: (-1013, "Market is closed."),
        DeclineReason.WOULD_TRIGGER: (-2010, "Stop price would trigger immediately."),
        DeclineReason.PRICE_TOO_HIGH: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        DeclineReason.PRICE_TOO_LOW: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        DeclineReason.PRICE_STEP: (-1013, "Filter failure: PRICE_FILTER"),
    }

    def _answer(self, order: EngineOrder, form: Mapping[str, str]) -> dict[str, object]:
        """Returns what a new order is answered with: FULL unless something else is asked for.

        P: rest-api/trading-endpoints#new-order-trade: MARKET and LIMIT default to FULL, which has the fills.
        """
        shown = self._row(order)
        if form.get("newOrderRespType", "FULL") == "ACK":
            return {name: shown[name] for name in ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")}
        return shown

    def open_orders(self, request: HttpRequest) -> object:
        """Answers GET openOrders: also those that wait for a price."""
        sym = self._sym(request.form) if "symbol" in request.form else None
        found = [
            *self._state.engine.open_orders(sym, self._state.seen_ms(request)),
            *self._state.engine.waiting_orders(sym),
        ]
        return [self._row(order) for order in found]

    def _is_listed(self, order: EngineOrder) -> bool:
        """Returns whether orders tell of this one: P: errors, -2026: what came to nothing is archived after 90 days."""
        return not order.came_to_nothing(self._state.now_ms() - ARCHIVED_MS)

    def cancel_all(self, request: HttpRequest) -> object:
        """Answers DELETE openOrders: an error where there is none."""
        sym, engine = self._sym(request.form), self._state.engine
        gone = [*engine.open_orders(sym), *engine.waiting_orders(sym)]
        if not gone:
            raise api_error(-2011, "Unknown order sent.")
        return [self._row(self._state.engine.cancel(order, self._state.now_ms())) for order in gone]

    def _row(self, order: EngineOrder) -> dict[str, object]:
        waits = order.state is State.UNTRIGGERED
        kind = "STOP_LOSS_LIMIT" if order.trigger is not None else "MARKET" if order.limit is None else "LIMIT"
        fills = [self._trade(fill) for fill in self._state.engine.fills_of(order)]
        return {
            "symbol": order.sym, "orderId": order.id, "orderListId": -1, "clientOrderId": order.client_id,
            "transactTime": order.updated_ms, "price": order.limit or Decimal(0), "origQty": abs(order.signed_qty),
            "executedQty": abs(order.filled), "cummulativeQuoteQty": order.paid,
            "status": State.NEW if waits else order.state, "stopPrice": order.trigger or Decimal(0),
            "timeInForce": "IOC" if order.ioc else "GTC", "type": kind,
            "side": "BUY" if order.side > 0 else "SELL", "fills": fills,
            "time": order.created_ms, "updateTime": order.updated_ms, "workingTime": order.created_ms,
            "isWorking": not waits, "selfTradePreventionMode": "EXPIRE_MAKER",
        }  # fmt: skip

    def _trade(self, fill: EngineFill) -> dict[str, object]:
        return {
            "symbol": fill.sym, "id": fill.id, "tradeId": fill.id, "orderId": fill.order_id, "price": fill.price,
            "qty": abs(fill.qty), "quoteQty": abs(fill.qty) * fill.price, "commission": fill.fee,
            "commissionAsset": fill.fee_currency, "time": fill.at_ms, "isBuyer": fill.qty > 0, "isMaker": False,
            "isBestMatch": True,
        }  # fmt: skip


LISTINGS = (spot(), spot("ETH", Decimal("2300.00")), spot("BNB", Decimal("600.00")))


def routes(state: SimulatorState) -> dict[str, Handler]:
    """Returns the handler of each `METHOD HOST/PATH`, at the real host and at that of demo trading."""
    orders, account = SpotOrders(state), SpotAccount(state)
    private: dict[str, Handler] = {
        "POST {}/order": orders.place,
        "GET {}/order": orders.find,
        "DELETE {}/order": orders.cancel,
        "GET {}/openOrders": orders.open_orders,
        "DELETE {}/openOrders": orders.cancel_all,
        "GET {}/allOrders": orders.all_orders,
        "GET {}/myTrades": orders.trades,
        "GET {}/account": account.account,
    }
    table: dict[str, Handler] = {
        "GET {}/time": lambda request: {"serverTime": state.now_ms()},
        "GET {}/exchangeInfo": account.exchange_info,
        "GET {}/ticker/bookTicker": account.book_ticker,
    }
    table |= {route: signed(state, handler) for route, handler in private.items()}
    if state.histories:
        table |= BinanceHistory(state).routes("{}")
    served = {route.format(host): handler for route, handler in table.items() for host in HOSTS}
    return {**served, RIGHTS: signed(state, account.key_rights)}


class SpotAccount:
    """Handles the account, its key, and what needs no key: listings and best prices."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def exchange_info(self, request: HttpRequest) -> object:
        return {
            "timezone": "UTC",
            "symbols": [
                {**_symbol(listing), "status": self._state.engine.status(listing.id) or "TRADING"}
                for listing in self._state.engine.listings.values()
            ],
        }

    def book_ticker(self, request: HttpRequest) -> object:
        wanted = (
            json.loads(request.query["symbols"]) if "symbols" in request.query else list(self._state.engine.listings)
        )
        quotes = {sym: self._state.engine.prices.quote(sym, self._state.now_ms()) for sym in wanted}
        return [
            {"symbol": sym, "bidPrice": quote.bid, "bidQty": "9", "askPrice": quote.ask, "askQty": "9"}
            for sym, quote in quotes.items()
        ]

    def account(self, request: HttpRequest) -> object:
        self._state.seen_ms(request)
        engine = self._state.engine
        rows = [
            {"asset": asset, "free": amount - engine.locked(asset), "locked": engine.locked(asset)}
            for asset, amount in engine.wallet.cash.items()
        ]
        return {
            "canTrade": not self._state.keys.reads_only,
            "accountType": "SPOT",
            "updateTime": self._state.now_ms(),
            "balances": rows,
            "uid": int(engine.settings.get("uid", "354937868")),
        }

    def key_rights(self, request: HttpRequest) -> object:
        keys = self._state.keys
        return {
            "enableReading": True, "enableSpotAndMarginTrading": not keys.reads_only, "enableFutures": False,
            "enableWithdrawals": keys.withdraws,
        }  # fmt: skip


def _symbol(listing: Listing) -> dict[str, object]:
    least = {"minQty": str(listing.min_qty), "maxQty": str(listing.most_limit), "stepSize": format(listing.step, "f")}
    return {
        "symbol": listing.id, "status": "TRADING", "baseAsset": listing.base, "quoteAsset": listing.quote,
        "baseAssetPrecision": 8, "quotePrecision": 8, "orderTypes": ["LIMIT", "MARKET"], "permissions": ["SPOT"],
        "isSpotTradingAllowed": True, "isMarginTradingAllowed": False, "quoteOrderQtyMarketAllowed": True,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": str(listing.tick)},
            {"filterType": "LOT_SIZE", **least},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": str(listing.most_market), "stepSize": "0"},
            {
                "filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": str(listing.price_up),
                "bidMultiplierDown": str(listing.price_down), "askMultiplierUp": str(listing.price_up),
                "askMultiplierDown": str(listing.price_down), "avgPriceMins": 5,
            },
            {"filterType": "NOTIONAL", "minNotional": str(listing.min_notional), "applyMinToMarket": True},
        ],
    }  # fmt: skip
