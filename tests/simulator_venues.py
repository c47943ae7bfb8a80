"""ccxt venues on simulators of their own, for tests.

- `trading` speaks HTTP to a simulator.
- `in_process` calls a simulator's handlers without a socket: for many markets, in virtual time. ccxt's classes, its
  signatures and its throttle are the real ones.
"""

import asyncio
import importlib
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import SecretStr

from services.simulator.bybit import rest as bybit_rows
from services.simulator.dialects import DIALECTS, LISTED_AS
from services.simulator.engine.events import EngineOrder, Payment
from services.simulator.engine.faults import RandomFaults
from services.simulator.engine.listing import Listing
from services.simulator.engine.matching_engine import MatchingEngine
from services.simulator.engine.prices import BestPrices, EnginePrices
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import ApiError, HttpAnswer, HttpRequest
from services.simulator.hyperliquid import orders as hyperliquid_rows
from services.simulator.hyperliquid.rest import OWNER, OWNER_KEY
from services.simulator.simulator import FEE, Simulator, serving
from shared.exchanges.client import current
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from shared.exchanges.trading.options import Credentials, VenueOptions, fake_keys
from shared.messages.reasons import OrderType, TimeInForce
from shared.orders.state import OrderRequest

KEYS = fake_keys("binance")
OWNER_KEYS = Credentials(SecretStr(OWNER), SecretStr(OWNER_KEY))
SYM = "BTCUSDT"
ROUND_TRIP_S = 0.05  # in virtual time


@dataclass(frozen=True)
class Place:
    """An exchange and one of its markets.

    exchange, market: in ccxt's words
    id: the exchange's own name for the market
    fake: the dialect's name, if it is not the exchange's
    """

    exchange: str
    market: str
    id: str
    fake: str = ""

    @property
    def kind(self) -> str:
        return "swap" if ":" in self.market else "spot"

    @property
    def quote(self) -> str:
        """Returns the currency that its markets are quoted in."""
        return self.market.partition("/")[2].partition(":")[0]

    @property
    def keys(self) -> Credentials:
        """Returns the keys that the simulator's account has here."""
        return fake_keys(self.exchange)

    @property
    def orders(self) -> str:
        """Returns what is in the target of a request that sends an order, by POST."""
        return "/exchange/order" if self.exchange == "hyperliquid" else "/order"

    @property
    def tickers(self) -> str:
        """Returns what is in the target of a request for bid and ask."""
        return "l2Book" if self.exchange == "hyperliquid" else "icker"

    def market_of(self, base: str) -> str:
        """Returns ccxt's name of the same market of another coin."""
        return self.market.replace("BTC", base)

    def order_id(self, id_: int) -> str:
        """Returns an order's number as the exchange writes it."""
        return bybit_rows.order_id(id_, self.kind) if self.exchange == "bybit" else str(id_)

    def trade_id(self, id_: int) -> str:
        """Returns a trade's or a payment's number as the exchange writes it."""
        if self.exchange == "hyperliquid":
            return str(hyperliquid_rows.tid(id_))
        return bybit_rows.exec_id(id_, self.kind) if self.exchange == "bybit" else str(id_)

    def payment_id(self, payment: Payment) -> str:
        """Returns a payment's number as the exchange writes it; Hyperliquid has none."""
        hyperliquid = self.exchange == "hyperliquid"
        return f"{payment.sym}:{payment.at_ms}" if hyperliquid else self.trade_id(payment.id)


BINANCE = Place("binance", "BTC/USDT:USDT", "BTCUSDT")
BINANCE_SPOT = Place("binance", "BTC/USDT", "BTCUSDT", "binance-spot")
OKX = Place("okx", "BTC/USDT:USDT", "BTC-USDT-SWAP")
OKX_SPOT = Place("okx", "BTC/USDT", "BTC-USDT")
BYBIT = Place("bybit", "BTC/USDT:USDT", "BTCUSDT")
BYBIT_SPOT = Place("bybit", "BTC/USDT", "BTCUSDT", "bybit-spot")
HYPERLIQUID = Place("hyperliquid", "BTC/USDC:USDC", "BTC")
SWAPS = [BINANCE, OKX, BYBIT, HYPERLIQUID]
SPOTS = [BINANCE_SPOT, OKX_SPOT, BYBIT_SPOT]


def named(place: object) -> str:
    """Returns a test's id for a place."""
    return f"{place.exchange}{'-spot' if place.kind == 'spot' else ''}" if isinstance(place, Place) else ""


@dataclass
class Pair:
    """The venue under test, and the simulator that it speaks to.

    sent: how many orders went over the wire
    accepted: those that the simulator took
    """

    venue: CcxtVenue
    fake: Simulator
    place: Place

    @property
    def sent(self) -> int:
        return self.fake.server.count(self.place.orders, "POST")

    @property
    def accepted(self) -> list[EngineOrder]:
        return self.fake.engine.accepted

    def request(self, qty: str, number: int = 1, *, reduce_only: bool = False, validity_ms: int = 5000) -> OrderRequest:
        return OrderRequest(
            SYM, f"{number:032x}", Decimal(qty), reduce_only, at_ms=self.venue.now_ms(), validity_ms=validity_ms
        )

    def ioc(self, qty: str, limit: Decimal, number: int = 1, *, reduce_only: bool = False) -> OrderRequest:
        """Makes the request of an order that takes what there is within its limit; limit: in whole ticks."""
        ask = self.request(qty, number, reduce_only=reduce_only)
        return ask._replace(type=OrderType.LIMIT, limit_price=limit, time_in_force=TimeInForce.IOC)

    @property
    def listing(self) -> Listing:
        return self.fake.engine.listings[self.place.id]

    @property
    def best(self) -> BestPrices:
        """Returns the best prices of the market now."""
        return self.fake.engine.prices.quote(self.place.id, self.fake.state.now_ms())


def options(place: Place, url: str, **changes: Any) -> VenueOptions:
    fields: dict[str, Any] = {"leverage": 3, "timeout_s": 30.0, "attempts": 3, "throttled": False, "mode": "live"}
    return VenueOptions(place.exchange, {SYM: place.market}, base_url=url, **{**fields, **changes})


@asynccontextmanager
async def trading(
    place: Place, chances: Mapping[str, float] | None = MappingProxyType({}), **changes: Any
) -> AsyncIterator[Pair]:
    """Opens a venue on a simulator in fair weather; the simulator's count of requests begins behind that."""
    async with serving(place.fake or place.exchange, chances=chances) as fake:
        venue = CcxtVenue(options(place, fake.url, **changes), place.keys)
        await venue.open()
        fake.server.requests.clear()
        fake.state.stop_faults.chances = {}
        try:
            yield Pair(venue, fake, place)
        finally:
            await venue.close()


@dataclass
class InProcess:
    """A venue that calls a simulator's handlers.

    requests: the paths of all requests
    costs: what each cost, in the throttle's units
    """

    venue: CcxtVenue
    engine: MatchingEngine
    listings: tuple[Listing, ...]
    requests: list[str] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    @property
    def syms(self) -> list[str]:
        return [f"{listing.base}USDT" for listing in self.listings]

    async def settle(self) -> None:
        """Waits until the throttle owes nothing."""
        await self.venue._client.throttler(0)


def kind_of(place: Place) -> str:
    """Returns the kind of markets, as LISTED_AS names it."""
    spot = ":" not in place.market
    return place.exchange + ("-spot" if spot else "")


def plain(value: object) -> str:
    """Writes what JSON has no word for, as the simulator's server does."""
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def in_process(place: Place, count: int, *, throttled: bool = True, faults: RandomFaults | None = None) -> InProcess:
    """Makes a venue with so many markets, which is not opened yet; its throttle, if any, begins when it is.

    faults: what befalls orders; None: nothing
    """
    listings = tuple(LISTED_AS[kind_of(place)](f"C{number}", Decimal(100)) for number in range(count))
    engine = MatchingEngine(listings, EnginePrices(listings, 1, 0), {place.quote: Decimal(1_000_000)}, FEE, None)
    routes = DIALECTS[place.fake or place.exchange].routes(SimulatorState(engine, faults or RandomFaults(chances={})))
    markets = {f"{one.base}USDT": place.market_of(one.base) for one in listings}
    venue = CcxtVenue(VenueOptions(place.exchange, markets, mode="live", throttled=False, attempts=1), place.keys)
    made, client = InProcess(venue, engine, listings), venue._client

    async def fetch(url: str, method: str = "GET", headers: Any = None, body: Any = None, *rest: Any) -> Any:
        parts = urlsplit(url)
        request = HttpRequest(
            parts.netloc + parts.path, dict(parse_qsl(parts.query)), method, parts.query, body or "",
            {name.lower(): str(value) for name, value in (headers or {}).items()},
        )  # fmt: skip
        made.requests.append(request.path)
        await asyncio.sleep(ROUND_TRIP_S)
        status, answer = 200, None
        try:
            answer = routes[f"{method} {request.path}"](request)
            answer = answer.body if isinstance(answer, HttpAnswer) else answer
        except ApiError as refused:
            status, answer = refused.status, refused.body
        text = json.dumps(answer, default=plain)
        reply = current()
        if reply is not None:
            reply.status, reply.headers, reply.body = status, {}, text
        response = json.loads(text)
        client.handle_errors(status, "", url, method, {}, text, response, headers, body)
        return response

    async def throttle(cost: Any = None) -> Any:
        made.costs.append(1.0 if cost is None else float(cost))
        return await client.throttler(cost)

    client.fetch, client.throttle = fetch, throttle
    if throttled:
        client.throttler.config["delay"] = 0.01
        opened = venue.open

        async def open_(**given: Any) -> None:
            await opened(**given)
            client.throttler.loop = asyncio.get_running_loop()
            client.enableRateLimit = True
            made.requests.clear()

        venue.open = open_  # type: ignore[method-assign]
    return made


@contextmanager
def throttle_in_virtual_time() -> Iterator[None]:
    """Sets the clock of ccxt's throttle to the virtual one."""
    module = importlib.import_module("ccxt.async_support.base.throttler")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "time", lambda: time.time())
        yield
