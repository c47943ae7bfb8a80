"""A ccxt venue whose requests end in the fake exchange's own code, without a socket: for many markets, in virtual time.

ccxt's classes, its signatures and its throttle are the real ones.
"""

import asyncio
import importlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from services.simulator.dialects import DIALECTS, LISTED_AS
from services.simulator.engine.listing import Listing
from services.simulator.engine.matching_engine import MatchingEngine
from services.simulator.engine.prices import EnginePrices
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import ApiError, HttpAnswer, HttpRequest
from services.simulator.simulator import FEE
from shared.exchanges.client import current
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from shared.exchanges.trading.options import VenueOptions
from tests.venues import KEYS, Place

ROUND_TRIP_S = 0.05


@dataclass
class InProcess:
    """requests: the paths of all requests. costs: what each cost, in the throttle's units."""

    venue: CcxtVenue
    engine: MatchingEngine
    listings: tuple[Listing, ...]
    requests: list[str] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    @property
    def syms(self) -> list[str]:
        return [f"{listing.base}USDT" for listing in self.listings]

    async def settle(self) -> None:
        """Until the throttle owes nothing."""
        await self.venue._client.throttler(0)


def kind_of(place: Place) -> str:
    """The name of the fake's listings."""
    spot = ":" not in place.market
    return place.exchange + ("-spot" if spot else "")


def plain(value: object) -> str:
    """As the server writes what JSON has no word for."""
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def in_process(place: Place, count: int, *, throttled: bool = True) -> InProcess:
    """Not opened yet, with so many markets; the throttle is off until `venue` is opened, if it is on at all."""
    listings = tuple(LISTED_AS[kind_of(place)](f"C{number}", Decimal(100)) for number in range(count))
    engine = MatchingEngine(listings, EnginePrices(listings, 1, 0), {"USDT": Decimal(1_000_000)}, FEE, None)
    routes = DIALECTS[place.fake or place.exchange].routes(SimulatorState(engine))
    markets = {f"{one.base}USDT": place.market.replace("BTC", one.base) for one in listings}
    venue = CcxtVenue(VenueOptions(place.exchange, markets, mode="live", throttled=False, attempts=1), KEYS)
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
    """ccxt's throttle has a clock of its own."""
    module = importlib.import_module("ccxt.async_support.base.throttler")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "time", lambda: time.time())
        yield
