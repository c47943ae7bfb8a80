"""A venue whose exchange answers what was recorded, below ccxt's own classes and above the wire."""

import json
from collections.abc import Mapping
from typing import Any

from shared.exchanges.client import current
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from shared.exchanges.trading.markets import rules_of
from shared.exchanges.trading.options import VenueOptions
from tests.simulator_venues import KEYS

IDS = {"bybit": "{base}USDT", "binance": "{base}USDT", "okx": "{base}-USDT-SWAP"}


class Recorded:
    """Answers by the end of a request's path; a list is answered one by one. `asked`: path and query of each."""

    def __init__(
        self, exchange: str, answers: Mapping[str, Any], bases: tuple[str, ...] = ("BTC",), spot: bool = False
    ):
        suffix = "" if spot else ":USDT"
        names = {f"{base}USDT": f"{base}/USDT{suffix}" for base in bases}
        self.venue = CcxtVenue(VenueOptions(exchange, names, throttled=False, attempts=1), KEYS)
        self.client = self.venue._client
        self.asked: list[str] = []
        self._answers = {path: list(answer) if isinstance(answer, list) else answer for path, answer in answers.items()}
        self.client.fetch = self._fetch
        self.client.options["enableUnifiedMargin"], self.client.options["enableUnifiedAccount"] = False, True
        self.client.set_markets([_market(self.client, exchange, base, spot) for base in bases])
        for sym, name in names.items():
            self.venue._rules[sym] = rules_of(exchange, sym, name, self.client.markets)

    async def _fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        self.asked.append(url)
        path = url.partition("?")[0]
        for end, answer in self._answers.items():
            if path.endswith(end):
                given = answer.pop(0) if isinstance(answer, list) else answer
                reply = current()
                if reply is not None:
                    reply.status, reply.headers, reply.body = 200, {}, json.dumps(given)
                return json.loads(json.dumps(given))
        raise AssertionError(f"{method} {url} was not recorded")


def _market(client: Any, exchange: str, base: str, spot: bool) -> Any:
    id_ = f"{base}-USDT" if spot and exchange == "okx" else f"{base}USDT" if spot else IDS[exchange].format(base=base)
    return client.safe_market_structure(
        {
            "id": id_, "symbol": f"{base}/USDT" + ("" if spot else ":USDT"), "base": base, "quote": "USDT",
            "baseId": base, "quoteId": "USDT", "settle": None if spot else "USDT", "settleId": None if spot else "USDT",
            "type": "spot" if spot else "swap", "spot": spot, "swap": not spot, "contract": not spot, "active": True,
            "linear": None if spot else True, "inverse": None if spot else False, "contractSize": None if spot else "1",
            "margin": False, "future": False, "option": False,
            "precision": {"amount": "0.001", "price": "0.1"}, "limits": {"amount": {"min": "0.001"}, "cost": {}},
        }
    )  # fmt: skip
