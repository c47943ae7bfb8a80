"""The fake exchange as a process of its own, which notes when each order has arrived.

`POST /_fake/arrived` gives {client id: seconds of the monotonic clock}, which is one clock for all processes of a host.
"""

import asyncio
import sys
import time
from collections.abc import Mapping
from decimal import Decimal

from services.simulator.binance.dialect import Binance
from services.simulator.engine.listing import btcusdt
from services.simulator.engine.matching_engine import MatchingEngine
from services.simulator.engine.prices import EnginePrices
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.admin import Admin
from services.simulator.http.request import HttpRequest
from services.simulator.http.server import Handler, SimulatorServer
from services.simulator.simulator import FEE
from tests.bench.gateway.orders import CASH, SYMBOLS


class Clocked:
    """Binance, and when its orders came."""

    def __init__(self, floor: SimulatorState) -> None:
        self.arrived: dict[str, float] = {}
        self._venue = Binance(floor)

    @property
    def routes(self) -> Mapping[str, Handler]:
        """As they are, the clock before the order's."""
        return {
            route: self._clocked(answer) if route.startswith("POST") and route.endswith("/order") else answer
            for route, answer in self._venue.routes.items()
        }

    def _clocked(self, answer: Handler) -> Handler:
        def answered(asked: HttpRequest) -> object:
            now_s = time.monotonic()
            self.arrived[asked.client_id] = now_s
            return answer(asked)

        return answered


async def _serve() -> None:
    listings = tuple(btcusdt(sym) for sym in SYMBOLS)
    floor = SimulatorState(MatchingEngine(listings, EnginePrices(listings), {"USDT": Decimal(CASH)}, FEE))
    venue = Clocked(floor)
    async with SimulatorServer(venue) as server:
        server.admin.update(Admin(server, floor).answers())
        server.admin["arrived"] = lambda asked: venue.arrived
        print(server.url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the bench has ended


if __name__ == "__main__":
    asyncio.run(_serve())
