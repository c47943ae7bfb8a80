"""ccxt's own exchange classes over raw answers, without a socket: what is asked is kept, what comes is given."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from shared.exchanges.client import RateLimit, current, load_ccxt
from shared.exchanges.registry import trading_profile
from shared.exchanges.rest_caller import CallRules, RestCaller
from shared.exchanges.trading.client import make_trading_client
from shared.exchanges.trading.markets import rules_of
from shared.exchanges.trading.options import Credentials, VenueOptions
from shared.exchanges.trading.profile import TradingProfile
from shared.exchanges.trading.venue import MarketRules

KEYS = Credentials(SecretStr("key"), SecretStr("secret"), SecretStr("word"))
Answers = Mapping[str, Callable[[dict[str, str]], Any]]


class Raw:
    """An exchange for one kind of market. answers: by the end of a request's path, from its query or form."""

    def __init__(self, exchange: str, kind: str, answers: Answers, markets: int = 1, quote: str = "USDT") -> None:
        self.profile: TradingProfile = trading_profile(exchange, kind)
        names = [f"{base}/{quote}" + (f":{quote}" if kind == "swap" else "") for base in bases(markets)]
        self.markets = names
        options = VenueOptions(exchange, {base + quote: name for base, name in zip(bases(markets), names, strict=True)})
        self.asked: list[tuple[str, dict[str, str]]] = []
        ccxt = load_ccxt()
        self.client = make_trading_client(ccxt, options, self.profile.facts, KEYS)
        self.client.fetch = self._fetch
        self.client.enableRateLimit = False
        self.client.options |= {"crossMarginPairsData": [], "isolatedMarginPairsData": []}
        self.client.set_markets([LISTED[exchange](self.client, kind, base, quote) for base in bases(markets)])
        self.client.options["leverageBrackets"] = {}
        self._answers = answers
        self.caller = RestCaller(
            ccxt, self.client, CallRules(1), RateLimit(), unknown=self.profile.facts.unknown, redact=KEYS.redact
        )

    def rules(self, market: str) -> MarketRules:
        """Of one of its markets."""
        return rules_of(self.client.id, "S", market, self.client.markets, self.profile.market_order)

    async def _fetch(
        self, url: str, method: str = "GET", headers: Any = None, body: Any = None, *rest: Any, **named: Any
    ) -> Any:
        parts = urlsplit(url)
        form = {name: values[0] for name, values in parse_qs(parts.query).items()}
        form |= json.loads(body) if body and body[:1] == "{" else {}
        self.asked.append((parts.path, form))
        answer = next(made for path, made in self._answers.items() if parts.path.endswith(path))
        text = json.dumps(answer(form))
        reply = current()
        if reply is not None:
            reply.status, reply.body = 200, text
        response = json.loads(text)
        self.client.handle_errors(200, "OK", url, method, {}, text, response, headers, body)
        return response


def bases(count: int) -> list[str]:
    """So many coins."""
    return ["BTC", "ETH", *(f"C{number}" for number in range(28))][:count]


def _binance(client: Any, kind: str, base: str, quote: str) -> Any:
    contract = {"contractType": "PERPETUAL", "deliveryDate": 4133404800000, "marginAsset": quote}
    return client.parse_market(
        {
            "symbol": base + quote, "status": "TRADING", "baseAsset": base, "quoteAsset": quote,
            **(contract if kind == "swap" else {"permissions": ["SPOT"]}),
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "1000000", "tickSize": "0.10"},
                {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
                {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
            ],
        }
    )  # fmt: skip


def _okx(client: Any, kind: str, base: str, quote: str) -> Any:
    swap = kind == "swap"
    return client.parse_market(
        {
            "instType": kind.upper(), "instId": f"{base}-{quote}" + ("-SWAP" if swap else ""), "state": "live",
            "uly": f"{base}-{quote}" if swap else "", "settleCcy": quote if swap else "",
            "baseCcy": "" if swap else base, "quoteCcy": "" if swap else quote, "ctVal": "0.01" if swap else "",
            "lotSz": "0.01", "minSz": "0.01", "tickSz": "0.1", "maxLmtSz": "100000000", "maxMktSz": "12000",
            "maxMktAmt": "" if swap else "1000000", "lever": "100",
        }
    )  # fmt: skip


def _bybit(client: Any, kind: str, base: str, quote: str) -> Any:
    swap = kind == "swap"
    lot = {"minOrderQty": "0.001", "maxOrderQty": "1190.000", "maxMktOrderQty": "500.000", "qtyStep": "0.001"}
    spot = {"basePrecision": "0.000001", "minOrderQty": "0.000048", "maxOrderQty": "71.7", "maxMarketOrderQty": "33.3"}
    return {
        "id": base + quote, "symbol": f"{base}/{quote}" + (f":{quote}" if swap else ""), "base": base, "quote": quote,
        "settle": quote if swap else None, "baseId": base, "quoteId": quote, "settleId": quote if swap else None,
        "type": kind, "spot": not swap, "swap": swap, "future": False, "option": False, "contract": swap,
        "linear": True if swap else None, "inverse": False if swap else None, "active": True,
        "contractSize": "1" if swap else None,
        "precision": {"amount": "0.001" if swap else "0.000001", "price": "0.1"},
        "limits": {"amount": {"min": "0.001", "max": "1190.000" if swap else "71.7"}, "cost": {"min": "5"}},
        "info": {"symbol": base + quote, "lotSizeFilter": lot if swap else spot},
    }  # fmt: skip


LISTED: dict[str, Callable[[Any, str, str, str], Any]] = {"binance": _binance, "okx": _okx, "bybit": _bybit}
