"""OKX: linear swaps and spot over the fake's book."""

from collections.abc import Mapping

from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import Asked
from services.simulator.http.server import Answer
from services.simulator.okx.account import OkxAccount
from services.simulator.okx.authentication import refused, signed
from services.simulator.okx.conditional_orders import OkxAlgo
from services.simulator.okx.history import OkxHistory
from services.simulator.okx.orders import OkxOrders

HOST = "www.okx.com/api/v5"


class Okx:
    """A FakeVenue that trades. Its demo trading has the same host."""

    def __init__(self, floor: SimulatorState) -> None:
        self.floor = floor
        self._orders, self._account = OkxOrders(floor), OkxAccount(floor)
        floor.book.fires_as = lambda waited: ""  # see OkxAlgo
        self._history = OkxHistory(floor)

    @property
    def routes(self) -> Mapping[str, Answer]:
        """What the server serves."""
        orders, account, algo = self._orders, self._account, OkxAlgo(self.floor)
        private: dict[str, Answer] = {
            "POST trade/order": orders.place,
            "POST trade/batch-orders": orders.place,
            "GET trade/order": orders.find,
            "POST trade/cancel-order": orders.cancel,
            "GET trade/orders-pending": orders.open_orders,
            "POST trade/order-algo": algo.place,
            "GET trade/orders-algo-pending": algo.pending,
            "POST trade/cancel-algos": algo.cancel,
            "GET trade/fills": orders.fills,
            "GET trade/fills-history": orders.fills,
            "GET account/config": account.config,
            "GET account/balance": account.balance,
            "GET account/positions": account.positions,
            "GET account/leverage-info": account.leverage,
            "GET account/bills": account.bills,
            "GET account/bills-archive": account.bills,
            "POST account/set-leverage": account.set_leverage,
            "POST account/set-position-mode": account.set_position_mode,
            "GET asset/currencies": lambda asked: [],
        }
        public: dict[str, Answer] = {
            "GET public/time": lambda asked: [{"ts": str(self.floor.now_ms())}],
            "GET public/instruments": self._instruments,
            "GET market/ticker": self._ticker,
            "GET public/funding-rate-history": self._history.funding_rates,
            "GET market/tickers": self._tickers,
        }
        if self.floor.tapes:
            public |= {
                "GET market/trades": self._history.trades,
                "GET market/history-trades": self._history.past_trades,
                "GET market/candles": self._history.candles,
                "GET market/history-candles": self._history.candles,
            }
        table = {route: signed(self.floor, answer) for route, answer in private.items()}
        table |= {route: _wrapped(answer) for route, answer in public.items()}
        return {route.replace(" ", f" {HOST}/", 1): answer for route, answer in table.items()}

    def _instruments(self, asked: Asked) -> object:
        kind = asked.query.get("instType", "").lower()
        book, id_ = self.floor.book, asked.query.get("instId")
        return [
            {**_row(listing), "state": book.status(listing.id) or "live",
             "expTime": book.settings.get(f"delivery:{listing.id}", "")}
            for listing in book.listings.values()
            if listing.kind == kind and id_ in (None, listing.id)
        ]  # fmt: skip

    def _ticker(self, asked: Asked) -> object:
        id_, now_ms = asked.query.get("instId", ""), self.floor.now_ms()
        if id_ not in self.floor.book.listings:
            raise refused("51001", "Instrument ID doesn't exist.")
        return [self._quoted(self.floor.book.listings[id_], now_ms)]

    def _tickers(self, asked: Asked) -> object:
        """GET market/tickers: of one kind."""
        kind, now_ms = asked.query.get("instType", "").lower(), self.floor.now_ms()
        return [self._quoted(listing, now_ms) for listing in self.floor.book.listings.values() if listing.kind == kind]

    def _quoted(self, listing: Listing, now_ms: int) -> dict[str, object]:
        quote = self.floor.book.prices.quote(listing.id, now_ms)
        return {
            "instType": listing.kind.upper(), "instId": listing.id, "last": quote.mid, "lastSz": "1",
            "askPx": quote.ask, "askSz": "9", "bidPx": quote.bid, "bidSz": "9", "open24h": quote.mid,
            "high24h": quote.mid, "low24h": quote.mid, "volCcy24h": "1", "vol24h": "1",
            "ts": str(now_ms - self.floor.quiet_ms),
            "sodUtc0": quote.mid, "sodUtc8": quote.mid,
        }  # fmt: skip


def _wrapped(answer: Answer) -> Answer:
    return lambda asked: {"code": "0", "msg": "", "data": answer(asked)}


def _row(listing: Listing) -> dict[str, object]:
    swap, pair = listing.kind == "swap", f"{listing.base}-{listing.quote}"
    return {
        "instType": listing.kind.upper(), "instId": listing.id, "uly": pair if swap else "",
        "instFamily": pair if swap else "",
        "settleCcy": listing.quote if swap else "", "ctVal": listing.contract_size if swap else "",
        "ctMult": "1" if swap else "", "ctValCcy": listing.base if swap else "", "ctType": "linear" if swap else "",
        "baseCcy": "" if swap else listing.base, "quoteCcy": "" if swap else listing.quote, "state": "live",
        "lotSz": listing.step / listing.contract_size, "minSz": listing.min_qty / listing.contract_size,
        "tickSz": listing.tick, "lever": str(listing.most_leverage) if swap else "",
        "maxLmtSz": listing.most_limit / listing.contract_size,
        # of a swap in contracts, of spot in USDT: #public-data-rest-api-get-instruments (P)
        "maxMktSz": listing.most_market / listing.contract_size if swap else "1000000",
        "maxMktAmt": "" if swap else "1000000",
        "listTime": "1611916828000", "expTime": "", "alias": "", "category": "1", "stk": "",
        "optType": "",
    }  # fmt: skip
