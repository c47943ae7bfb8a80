"""OKX: its listings, and what it tells without a key. It has swaps and spot at one address.

https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-candlesticks
https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-trades and ...-get-trades-history
https://www.okx.com/docs-v5/en/#public-data-rest-api-get-funding-rate-history
"""

from decimal import Decimal

from services.simulator.engine.funding import funding_rates
from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.trade_history import MarketTrade, TradeHistory
from services.simulator.http.request import Handler, HttpRequest
from services.simulator.okx.rest import api_error, at_host, public
from services.simulator.okx.websocket import INTERVALS_MS, volumes

CONNECTIONS_PER_S = 3  # for an IP: https://www.okx.com/docs-v5/en/#overview-websocket-connect
HOURS_8_MS = 28_800_000
CANDLES_LATE_MS = 100  # how long it takes, no page says
MOST_BARS, MOST_TRADES, MOST_PAST_TRADES, MOST_RATES = 300, 500, 100, 100
PRICE_UP, PRICE_DOWN = Decimal("1.02"), Decimal("0.98")  # as of the refusal that is recorded in orders.py
RECENT_BARS = 1440  # older ones only in history-candles


def swap(base: str = "BTC", price: Decimal = Decimal("42000.0")) -> Listing:
    """Lists a coin's swap: contracts of 0.01 of the coin, traded in hundredths of a contract."""
    return Listing(
        f"{base}-USDT-SWAP", "swap", base, "USDT", price, Decimal("0.1"), Decimal("0.0001"), Decimal("0.0001"),
        contract_size=Decimal("0.01"), most_limit=Decimal(10_000), most_market=Decimal(120), price_up=PRICE_UP,
        price_down=PRICE_DOWN,
    )  # fmt: skip


def spot(base: str = "BTC", price: Decimal = Decimal("42000.0")) -> Listing:
    """Lists a coin's pair with USDT."""
    return Listing(
        f"{base}-USDT", "spot", base, "USDT", price, Decimal("0.1"), Decimal("0.00000001"), Decimal("0.00001"),
        price_up=PRICE_UP, price_down=PRICE_DOWN,
    )  # fmt: skip


LISTINGS = (swap(), swap("ETH", Decimal("2300.0")), spot())


def routes(state: SimulatorState) -> dict[str, Handler]:
    """Returns the handler of each `METHOD HOST/PATH` of what needs no key."""
    market = OkxMarket(state)
    table: dict[str, Handler] = {
        "GET public/time": lambda request: [{"ts": str(state.now_ms())}],
        "GET public/instruments": market.instruments,
        "GET market/ticker": market.ticker,
        "GET public/funding-rate-history": market.funding_rates,
        "GET market/tickers": market.tickers,
    }
    if state.histories:
        table |= {
            "GET market/trades": market.trades,
            "GET market/history-trades": market.past_trades,
            "GET market/candles": market.candles,
            "GET market/history-candles": market.candles,
        }
    return at_host({route: public(handler) for route, handler in table.items()})


class OkxMarket:
    """Handles what needs no key: instruments, tickers, and the history of trades, newest first.

    `after` is older than, `before` newer than; both leave out the row that they name.
    """

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def instruments(self, request: HttpRequest) -> object:
        """Answers GET public/instruments: of one kind, or one."""
        kind = request.query.get("instType", "").lower()
        engine, id_ = self._state.engine, request.query.get("instId")
        return [
            {**_instrument_row(listing), "state": engine.status(listing.id) or "live",
             "expTime": engine.settings.get(f"delivery:{listing.id}", "")}
            for listing in engine.listings.values()
            if listing.kind == kind and id_ in (None, listing.id)
        ]  # fmt: skip

    def ticker(self, request: HttpRequest) -> object:
        """Answers GET market/ticker: of one market."""
        id_, now_ms = request.query.get("instId", ""), self._state.now_ms()
        if id_ not in self._state.engine.listings:
            raise api_error("51001", "Instrument ID doesn't exist.")
        return [self._quoted(self._state.engine.listings[id_], now_ms)]

    def tickers(self, request: HttpRequest) -> object:
        """Answers GET market/tickers: of one kind."""
        kind, now_ms = request.query.get("instType", "").lower(), self._state.now_ms()
        return [
            self._quoted(listing, now_ms) for listing in self._state.engine.listings.values() if listing.kind == kind
        ]

    def _quoted(self, listing: Listing, now_ms: int) -> dict[str, object]:
        quote = self._state.engine.prices.quote(listing.id, now_ms)
        return {
            "instType": listing.kind.upper(), "instId": listing.id, "last": quote.mid, "lastSz": "1",
            "askPx": quote.ask, "askSz": "9", "bidPx": quote.bid, "bidSz": "9", "open24h": quote.mid,
            "high24h": quote.mid, "low24h": quote.mid, "volCcy24h": "1", "vol24h": "1",
            "ts": str(now_ms - self._state.quiet_ms),
            "sodUtc0": quote.mid, "sodUtc8": quote.mid,
        }  # fmt: skip

    def candles(self, request: HttpRequest) -> object:
        """Answers GET market/candles and market/history-candles: with `before` alone, still the newest ones.

        A bar goes on for a while after its time, as `confirm` says (P: get-candlesticks: 0 is uncompleted).
        """
        query, history = request.query, self._history(request)
        length_ms, now_ms = INTERVALS_MS.get(query.get("bar", "1m")), self._state.now_ms() - CANDLES_LATE_MS
        if length_ms is None:
            raise api_error("51000", "Parameter bar error")
        limit = _limit(request, 100, MOST_BARS)
        end_ms = min(int(query.get("after", now_ms + 1)), now_ms + 1)
        start_ms = int(query.get("before", -1)) + 1
        if "history" not in request.path:
            start_ms = max(start_ms, now_ms // length_ms * length_ms - (RECENT_BARS - 1) * length_ms)
        start_ms = max(start_ms, end_ms - (limit + 1) * length_ms)
        bars = history.bars(length_ms, start_ms, end_ms, now_ms)[-limit:]
        return [
            [
                str(bar.at_ms), bar.open, bar.high, bar.low, bar.close, *volumes(bar, history.listing),
                str(int(bar.at_ms + length_ms <= now_ms)),
            ]
            for bar in reversed(bars)
        ]  # fmt: skip

    def trades(self, request: HttpRequest) -> object:
        """Answers GET market/trades: the last ones."""
        history, limit = self._history(request), _limit(request, 100, MOST_TRADES)
        count = history.upto(self._state.now_ms())
        return [_trade_row(history, trade) for trade in reversed(history.trades(max(count - limit, 0), count))]

    def past_trades(self, request: HttpRequest) -> object:
        """Answers GET market/history-trades: type 1 pages by id, 2 by time."""
        query, history, limit = request.query, self._history(request), _limit(request, 100, MOST_PAST_TRADES)
        now_ms = self._state.now_ms()
        first, last = 0, history.upto(now_ms)
        if query.get("type", "1") == "2":
            last = history.before(int(query["after"]), now_ms) if "after" in query else last
        else:
            last = min(history.index(int(query["after"])), last) if "after" in query else last
            first = max(history.index(int(query["before"])) + 1, 0) if "before" in query else first
        return [
            _trade_row(history, trade) for trade in reversed(history.trades(max(last - limit, first, 0), max(last, 0)))
        ]

    def funding_rates(self, request: HttpRequest) -> object:
        """Answers GET public/funding-rate-history: every eight hours."""
        query, now_ms, limit = request.query, self._state.now_ms(), _limit(request, MOST_RATES, MOST_RATES)
        id_ = query.get("instId", "")
        if id_ not in self._state.engine.listings:
            raise api_error("51001", "Instrument ID doesn't exist.")
        end_ms = (min(int(query.get("after", now_ms + 1)), now_ms + 1) - 1) // HOURS_8_MS * HOURS_8_MS
        start_ms = max(int(query.get("before", 0)) + 1, end_ms - (limit - 1) * HOURS_8_MS)
        return [
            {
                "instType": "SWAP", "instId": id_, "fundingRate": format(found.rate, "f"),
                "realizedRate": format(found.rate, "f"), "fundingTime": str(found.at_ms), "method": "current_period",
            }
            for found in reversed(funding_rates(id_, start_ms, end_ms))
        ]  # fmt: skip

    def _history(self, request: HttpRequest) -> TradeHistory:
        history = self._state.histories.get(request.query.get("instId", ""))
        if history is None:
            raise api_error("51001", "Instrument ID doesn't exist.")
        return history


def _instrument_row(listing: Listing) -> dict[str, object]:
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


def _trade_row(history: TradeHistory, trade: MarketTrade) -> dict[str, object]:
    return {
        "instId": history.listing.id, "tradeId": str(trade.id), "px": trade.price,
        "sz": trade.amount / history.listing.contract_size, "side": trade.side, "ts": str(trade.at_ms), "source": "0",
    }  # fmt: skip


def _limit(request: HttpRequest, default: int, most: int) -> int:
    return max(1, min(int(request.query.get("limit", default)), most))
