"""Hyperliquid: its listings, its routes, and what it tells of its markets. It has one address for questions.

.../api/info-endpoint#l2-book-snapshot, #candle-snapshot
.../api/info-endpoint/perpetuals#retrieve-perpetuals-asset-contexts..., #retrieve-historical-funding-rates
.../api/tick-and-lot-size, .../trading/contract-specifications
(... is https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers)

Rows as in the cassettes of the official SDK's info_test, and as recorded from its streams in September 2026: candles
have both ends, the second one their last ms; a rate is settled some ms behind its hour; a market that is delisted keeps
its place in the list, which is its number.
"""

from decimal import Decimal
from zlib import crc32

from services.simulator.engine.funding import funding_rates
from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.trade_history import TradeHistory
from services.simulator.http.request import Handler, HttpRequest
from services.simulator.hyperliquid.account import HyperliquidAccount
from services.simulator.hyperliquid.orders import DECIMALS, DIGITS, HASH, LEAST, tid
from services.simulator.hyperliquid.rest import HOSTS, OWNER, Signatures, Weights, asked, num, signed
from services.simulator.hyperliquid.stops import HyperliquidTriggers
from services.simulator.hyperliquid.websocket import INTERVALS_MS, candle_row

HOUR_MS = 3_600_000
MOST_BARS, MOST_TRADES, MOST_RATES = 5_000, 100, 500
BEHIND_MS = 50  # a rate is told at most so long after its hour
USDC = {  # P: .../api/info-endpoint/spot#retrieve-spot-metadata
    "name": "USDC", "szDecimals": 8, "weiDecimals": 8, "index": 0, "tokenId": "0x6d1e7cde53ba9467b783cb7c530ce054",
    "isCanonical": True, "evmContract": None, "fullName": None,
}  # fmt: skip


def told_ms(coin: str, at_ms: int) -> int:
    """Returns the time that the exchange gives a rate of this hour."""
    return at_ms + crc32(f"{coin} {at_ms}".encode()) % BEHIND_MS


def swap(base: str = "BTC", price: Decimal = Decimal(42_000)) -> Listing:
    """Lists a coin's swap. Of its size and of its price five digits count, at about this price."""
    places = max(DIGITS - 1 - price.adjusted(), 0)
    sizes = max(min(price.adjusted() + 1, DIGITS), 0)
    tick = Decimal(1).scaleb(-min(places, DECIMALS - sizes))
    step = Decimal(1).scaleb(-sizes)
    return Listing(
        base, "swap", base, "USDC", price, tick, step, step, LEAST, most_leverage=40, price_up=Decimal("1.8"),
        price_down=Decimal("0.2"), limit_step=Decimal(1).scaleb(sizes - DECIMALS),
    )  # fmt: skip


LISTINGS = (swap(), swap("ETH", Decimal("2300.0")))


def routes(state: SimulatorState) -> dict[str, Handler]:
    """Returns the handler of each `METHOD HOST/PATH`."""
    coins = {number: listing.id for number, listing in enumerate(state.engine.listings.values())}
    signatures = Signatures(state)
    orders, account = HyperliquidTriggers(state, coins), HyperliquidAccount(state, coins, signatures)
    market = HyperliquidMarket(state)
    questions: dict[str, Handler] = {
        "exchangeStatus": lambda request: {"specialStatuses": None, "time": state.now_ms()},
        "spotMeta": lambda request: {"tokens": [USDC], "universe": []},
        "metaAndAssetCtxs": market.contexts,
        "l2Book": market.book,
        "fundingHistory": market.funding_rates,
        "clearinghouseState": account.summary,
        "activeAssetData": account.asset,
        "userFunding": account.funding,
        "userRateLimit": account.rate_limit,
        "userRole": account.role,
        "extraAgents": account.agents,
        "userAbstraction": account.abstraction,
        "orderStatus": orders.status,
        "frontendOpenOrders": orders.open_orders,
        "userFillsByTime": orders.fills,
    }
    if state.histories:
        questions |= {"candleSnapshot": market.candles, "recentTrades": market.trades}
    actions = {
        "order": orders.place,
        "cancel": orders.cancel,
        "cancelByCloid": orders.cancel_by_cloid,
        "updateLeverage": account.update_leverage,
    }
    weights = Weights(state)
    table = {"info": asked(weights, questions), "exchange": signed(signatures, weights, actions)}
    return {f"POST {host}/{path}": handler for host in HOSTS for path, handler in table.items()}


class HyperliquidMarket:
    """Handles questions about markets."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def contexts(self, request: HttpRequest) -> object:
        """Answers metaAndAssetCtxs: what the markets are, and what they cost now, in the same order."""
        engine, now_ms = self._state.engine, self._state.now_ms()
        universe, contexts = list[object](), list[object]()
        for listing in engine.listings.values():
            quote = engine.prices.quote(listing.id, now_ms)
            gone = {"isDelisted": True} if engine.status(listing.id) else {}
            universe.append({
                "szDecimals": -int(listing.step.normalize().as_tuple().exponent), "name": listing.id,
                "maxLeverage": listing.most_leverage, "marginTableId": listing.most_leverage, **gone,
            })  # fmt: skip
            contexts.append({
                "funding": "0.0000125", "openInterest": "1000.0", "prevDayPx": num(quote.mid), "dayNtlVlm": "1.0",
                "premium": "0.0", "oraclePx": num(quote.mid), "markPx": num(quote.mid), "midPx": num(quote.mid),
                "impactPxs": [num(quote.bid), num(quote.ask)], "dayBaseVlm": "1.0",
            })  # fmt: skip
        return [{"universe": universe, "marginTables": [], "collateralToken": 0}, contexts]

    def book(self, request: HttpRequest) -> object:
        """Answers l2Book: here one level a side; its time is that of the block.

        The setting `empty:COIN` says of which side nobody is there: `bid` or `ask`.
        """
        sym, now_ms = request.content["coin"], self._state.now_ms()
        if sym not in self._state.engine.listings:
            raise KeyError(sym)
        quote = self._state.engine.prices.quote(sym, now_ms)
        empty = self._state.engine.settings.get(f"empty:{sym}")
        levels = [
            [] if side == empty else [{"px": num(price), "sz": "9.0", "n": 1}]
            for side, price in (("bid", quote.bid), ("ask", quote.ask))
        ]
        return {"coin": sym, "time": now_ms - self._state.quiet_ms, "levels": levels}

    def candles(self, request: HttpRequest) -> object:
        """Answers candleSnapshot: of a time, both ends included, oldest first; only the newest 5,000 can be had."""
        wanted, now_ms = request.content["req"], self._state.now_ms()
        history, length_ms = self._history(wanted["coin"]), INTERVALS_MS[wanted["interval"]]
        oldest_ms = now_ms // length_ms * length_ms - (MOST_BARS - 1) * length_ms
        start_ms = max(int(wanted["startTime"]) // length_ms * length_ms, oldest_ms)
        end_ms = min(int(wanted["endTime"]), now_ms)
        bars = history.bars(length_ms, start_ms, end_ms + 1, now_ms)
        counts = [history.bar(bar.at_ms, length_ms, now_ms)[1:] for bar in bars]
        return [
            candle_row(history.listing, wanted["interval"], bar, last - first)
            for bar, (first, last) in zip(bars, counts, strict=True)
        ]

    def trades(self, request: HttpRequest) -> object:
        """Answers recentTrades: newest first. How many there are, no page says."""
        history = self._history(request.content["coin"])
        count = history.upto(self._state.now_ms())
        return [
            {
                "coin": history.listing.id, "side": "B" if trade.side == "buy" else "A", "px": num(trade.price),
                "sz": num(trade.amount), "time": trade.at_ms, "hash": HASH, "tid": tid(trade.id),
                "users": [OWNER, OWNER],
            }
            for trade in reversed(history.trades(max(count - MOST_TRADES, 0), count))
        ]  # fmt: skip

    def funding_rates(self, request: HttpRequest) -> object:
        """Answers fundingHistory: every hour, the first 500 of a time."""
        content, now_ms = request.content, self._state.now_ms()
        coin = content["coin"]
        if coin not in self._state.engine.listings:
            raise KeyError(coin)
        start_ms, end_ms = int(content["startTime"]), min(int(content.get("endTime") or now_ms), now_ms)
        rates = [
            (told_ms(coin, rate.at_ms), rate.rate)
            for rate in funding_rates(coin, start_ms - BEHIND_MS, end_ms, HOUR_MS)
        ]
        return [
            {"coin": coin, "fundingRate": format(rate, "f"), "premium": "0.0", "time": at_ms}
            for at_ms, rate in rates
            if start_ms <= at_ms <= end_ms
        ][:MOST_RATES]

    def _history(self, coin: str) -> TradeHistory:
        return self._state.histories[coin]
