"""The simulator as a process of its own, which notes when each order has arrived.

`POST /_fake/arrived` gives {client id: seconds of the monotonic clock}, which is one clock for all processes of a host.
"""

import asyncio
import sys
import time
from collections.abc import Mapping
from decimal import Decimal

from services.simulator.binance.dialect import swap
from services.simulator.dialects import DIALECTS
from services.simulator.engine.faults import RandomFaults
from services.simulator.engine.matching_engine import MatchingEngine
from services.simulator.engine.prices import EnginePrices
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.admin import Admin
from services.simulator.http.request import Handler, HttpRequest
from services.simulator.http.server import SimulatorServer
from services.simulator.simulator import FEE
from tests.bench.gateway.orders import CASH, SYMBOLS


def clocked(routes: Mapping[str, Handler], arrived: dict[str, float]) -> dict[str, Handler]:
    """Returns the routes, those that take an order with a clock before them. arrived: when, by client id."""
    return {
        route: _clocked(handler, arrived) if route.startswith("POST") and route.endswith("/order") else handler
        for route, handler in routes.items()
    }


def _clocked(handler: Handler, arrived: dict[str, float]) -> Handler:
    def answered(request: HttpRequest) -> object:
        now_s = time.monotonic()
        arrived[request.client_id] = now_s
        return handler(request)

    return answered


async def _serve() -> None:
    listings = tuple(swap(sym.removesuffix("USDT")) for sym in SYMBOLS)
    engine = MatchingEngine(listings, EnginePrices(listings), {"USDT": Decimal(CASH)}, FEE)
    state = SimulatorState(engine, RandomFaults(chances={}))
    arrived: dict[str, float] = {}
    async with SimulatorServer(clocked(DIALECTS["binance"].routes(state), arrived)) as server:
        server.admin.update(Admin(server, state).handlers())
        server.admin["arrived"] = lambda request: arrived
        print(server.url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the bench has ended


if __name__ == "__main__":
    asyncio.run(_serve())
