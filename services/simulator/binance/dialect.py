"""Binance: USD-M futures over the fake's book, and public history beside them."""

from collections.abc import Mapping

from services.simulator.binance.account import BinanceAccount
from services.simulator.binance.authentication import refused, signed
from services.simulator.binance.conditional_orders import BinanceAlgo
from services.simulator.binance.history import BinanceHistory
from services.simulator.binance.orders import BinanceOrders
from services.simulator.binance.public_market import BinanceUsdm, symbol
from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import Asked
from services.simulator.http.server import Answer

HOSTS = ("", "demo-")  # demo trading has hosts of its own


class Binance:
    """A FakeVenue that trades."""

    def __init__(self, floor: SimulatorState, history: BinanceUsdm | None = None) -> None:
        self.floor = floor
        self._history = history or BinanceUsdm({}, 0)
        self._tapes = BinanceHistory(floor, floor.tapes).routes("fapi.binance.com/fapi/v1") if floor.tapes else {}
        self._orders, self._account = BinanceOrders(floor), BinanceAccount(floor)
        floor.book.fires_as = lambda waited: waited.client_id  # see BinanceAlgo

    @property
    def routes(self) -> Mapping[str, Answer]:
        """What the server serves, at the real hosts and at those of demo trading."""
        table = {**self._history.routes, **self._tapes, **self._public()}
        table |= {route: signed(self.floor, answer) for route, answer in self._private().items()}
        return {
            " ".join((method, host + rest)): answer
            for (method, _, rest), answer in ((route.partition(" "), answer) for route, answer in table.items())
            for host in HOSTS
        }

    def _public(self) -> dict[str, Answer]:
        fapi = "GET fapi.binance.com/fapi/v1"
        return {
            "GET api.binance.com/api/v3/time": self._time,
            "GET api.binance.com/sapi/v1/margin/allPairs": lambda asked: [],
            "GET api.binance.com/sapi/v1/margin/isolated/allPairs": lambda asked: [],
            f"{fapi}/time": self._time,
            f"{fapi}/ping": lambda asked: {},
            f"{fapi}/exchangeInfo": self._exchange_info,
            f"{fapi}/ticker/bookTicker": self._book_ticker,
            f"{fapi}/ticker/price": self._price,
            f"{fapi}/premiumIndex": self._premium_index,
        }

    def _private(self) -> dict[str, Answer]:
        orders, account, host = self._orders, self._account, "fapi.binance.com/fapi"
        algo = BinanceAlgo(self.floor)
        table = {
            f"POST {host}/v1/order": orders.place,
            f"GET {host}/v1/order": orders.find,
            f"DELETE {host}/v1/order": orders.cancel,
            f"GET {host}/v1/openOrders": orders.open_orders,
            f"DELETE {host}/v1/allOpenOrders": orders.cancel_all,
            f"POST {host}/v1/algoOrder": algo.place,
            f"GET {host}/v1/algoOrder": algo.find,
            f"DELETE {host}/v1/algoOrder": algo.cancel,
            f"GET {host}/v1/openAlgoOrders": algo.open_orders,
            f"DELETE {host}/v1/algoOpenOrders": algo.cancel_all,
            f"GET {host}/v1/allOrders": orders.all_orders,
            f"GET {host}/v1/userTrades": orders.trades,
            f"GET {host}/v1/income": account.income,
            f"GET {host}/v1/positionSide/dual": account.position_mode,
            f"POST {host}/v1/positionSide/dual": account.set_position_mode,
            f"POST {host}/v1/marginType": account.set_margin,
            f"POST {host}/v1/leverage": account.set_leverage,
            f"GET {host}/v1/symbolConfig": account.symbol_config,
            f"GET {host}/v1/leverageBracket": account.brackets,
            f"GET {host}/v1/accountConfig": account.config,
            f"GET {host}/v1/multiAssetsMargin": account.assets_mode,
            "GET api.binance.com/sapi/v1/account/info": account.info,
            "GET api.binance.com/sapi/v1/account/apiRestrictions": account.key_rights,
            "GET api.binance.com/sapi/v1/capital/config/getall": lambda asked: [],
        }
        for version in ("v2", "v3"):
            table[f"GET {host}/{version}/account"] = account.account
            table[f"GET {host}/{version}/balance"] = account.balance
            table[f"GET {host}/{version}/positionRisk"] = account.positions
        return table

    def _time(self, asked: Asked) -> object:
        return {"serverTime": self.floor.now_ms()}

    def _exchange_info(self, asked: Asked) -> object:
        listed = [listing for listing in self.floor.book.listings.values() if listing.kind == "swap"]
        return {
            "timezone": "UTC",
            "serverTime": self.floor.now_ms(),
            "symbols": [self._symbol(listing) for listing in listed],
        }

    def _symbol(self, listing: Listing) -> dict[str, object]:
        """A market that is to be delisted has its time as deliveryDate, and then another status."""
        book, row = self.floor.book, symbol(listing)
        ends = int(book.settings.get(f"delivery:{listing.id}", str(row["deliveryDate"])))
        return {**row, "status": book.status(listing.id) or row["status"], "deliveryDate": ends}

    def _book_ticker(self, asked: Asked) -> object:
        now_ms = self.floor.now_ms()
        rows = [
            {"symbol": sym, "bidPrice": quote.bid, "bidQty": "9.000", "askPrice": quote.ask, "askQty": "9.000",
             "time": now_ms - self.floor.quiet_ms, "lastUpdateId": now_ms}
            for sym, quote in ((sym, self.floor.book.prices.quote(sym, now_ms)) for sym in self._asked_for(asked))
        ]  # fmt: skip
        return rows[0] if "symbol" in asked.query else rows

    def _price(self, asked: Asked) -> object:
        now_ms = self.floor.now_ms()
        rows = [
            {"symbol": sym, "price": self.floor.book.prices.quote(sym, now_ms).mid, "time": now_ms}
            for sym in self._asked_for(asked)
        ]
        return rows[0] if "symbol" in asked.query else rows

    def _premium_index(self, asked: Asked) -> object:
        now_ms = self.floor.now_ms()
        rows = [
            {"symbol": sym, "markPrice": mid, "indexPrice": mid, "estimatedSettlePrice": mid, "time": now_ms,
             "lastFundingRate": "0.00010000", "interestRate": "0.00010000", "nextFundingTime": now_ms + 28_800_000}
            for sym, mid in ((sym, self.floor.book.prices.quote(sym, now_ms).mid) for sym in self._asked_for(asked))
        ]  # fmt: skip
        return rows[0] if "symbol" in asked.query else rows

    def _asked_for(self, asked: Asked) -> list[str]:
        wanted = asked.query.get("symbol")
        if wanted is not None and wanted not in self.floor.book.listings:
            raise refused(-1121, "Invalid symbol.")
        return [wanted] if wanted else list(self.floor.book.listings)
