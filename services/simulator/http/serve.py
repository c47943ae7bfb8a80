"""A fake venue, put together and served: for tests in their own process, and for the process of its own."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from services.simulator.binance.dialect import Binance
from services.simulator.binance.spot import BinanceSpot
from services.simulator.binance.streams import BinanceStreams
from services.simulator.bybit.dialect import Bybit
from services.simulator.bybit.streams import BybitStreams
from services.simulator.engine.clock import Clock
from services.simulator.engine.faults import Fault
from services.simulator.engine.listing import Listing, binance_spot, btcusdt, bybit_spot, bybit_swap, okx_spot, okx_swap
from services.simulator.engine.matching_engine import MatchingEngine
from services.simulator.engine.prices import Prices, SimulatedPrices, TapePrices
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.trade_history import TradeHistory
from services.simulator.http.admin import Admin
from services.simulator.http.server import FakeExchange, FakeVenue
from services.simulator.okx.dialect import Okx
from services.simulator.okx.streams import OkxStreams
from services.simulator.websocket.admin import FeedAdmin
from services.simulator.websocket.feed import Feed
from services.simulator.websocket.feed_plan import FeedPlan
from services.simulator.websocket.streams import Streams
from shared.simulated.present import PresentMarket

FEE = Decimal("0.0005")
VENUES: dict[str, Callable[[SimulatorState], FakeVenue]] = {
    "binance": Binance, "binance-spot": BinanceSpot, "okx": Okx,
    "bybit": Bybit, "bybit-spot": Bybit,
}  # fmt: skip
OKX_CONNECTIONS = 3  # a second, for an IP: https://www.okx.com/docs-v5/en/#overview-websocket-connect
LISTINGS = {
    "binance": (btcusdt(), btcusdt("ETHUSDT", Decimal("2300.00")), btcusdt("BNBUSDT", Decimal("600.00"))),
    "binance-spot": (binance_spot(), binance_spot("ETH", Decimal("2300.00")), binance_spot("BNB", Decimal("600.00"))),
    "okx": (okx_swap(), okx_swap("ETH", Decimal("2300.0")), okx_spot()),
    "bybit": (bybit_swap(), bybit_swap("ETH", Decimal("2300.00")), bybit_swap("BNB", Decimal("600.00"))),
    "bybit-spot": (bybit_spot(), bybit_spot("ETH", Decimal("2300.0")), bybit_spot("BNB", Decimal("600.0"))),
}


@dataclass
class Fake:
    """server: what was asked, what is to go wrong. floor: book, weather, clock, keys, tapes. feed: websockets."""

    server: FakeExchange
    floor: SimulatorState
    feed: Feed

    @property
    def url(self) -> str:
        """In front of each of the venue's hosts."""
        return self.server.url

    @property
    def book(self) -> MatchingEngine:
        """The venue's own."""
        return self.floor.book

    @property
    def tapes(self) -> Mapping[str, TradeHistory]:
        """What a perfect feed gives, by the venue's id of the market."""
        return self.floor.tapes


def _streams(venue: str, floor: SimulatorState, plan: FeedPlan) -> Streams:
    if venue == "okx":
        return OkxStreams(floor, plan.kept)
    return BybitStreams(floor) if venue.startswith("bybit") else BinanceStreams(floor.tapes, plan.kept)


@asynccontextmanager
async def serving(
    venue: str, *faults: Fault, port: int = 0, state: Path | None = None, seed: int = 1, walk_ms: int = 0,
    cash: Decimal = Decimal(10_000), listings: tuple[Listing, ...] | None = None, plan: FeedPlan | None = None,
    simulated: PresentMarket | None = None,
) -> AsyncIterator[Fake]:  # fmt: skip
    """venue: one of VENUES. The price stands unless `walk_ms`, or is the simulated market's.

    plan: it is traded, and websockets tell of it.
    """
    traded = listings or LISTINGS[venue]
    clock, tapes = (Clock(), dict[str, TradeHistory]()) if plan is None else plan.begin(traded, seed)
    prices = SimulatedPrices(traded, simulated) if simulated else Prices(traded, seed, walk_ms)
    if tapes:
        prices = TapePrices(tapes)
    floor = SimulatorState(MatchingEngine(traded, prices, {"USDT": cash}, FEE, state), clock=clock, tapes=tapes)
    floor.weather.seed = seed
    told = plan or FeedPlan()
    feed = Feed(floor, _streams(venue, floor, told), told.waits_for, OKX_CONNECTIONS if venue == "okx" else 0)
    feed.weather.seed = seed
    async with FakeExchange(VENUES[venue](floor), *faults, port=port, weather=floor.weather) as server:
        server.admin.update(Admin(server, floor).answers() | FeedAdmin(feed).answers())
        if tapes:
            server.sockets = feed.serve
        try:
            yield Fake(server, floor, feed)
        finally:
            feed.abort()
