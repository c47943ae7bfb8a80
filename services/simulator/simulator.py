"""A fake venue, put together and served: for tests in their own process, and for the process of its own."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from services.simulator.binance.dialect import Binance
from services.simulator.binance.spot import BinanceSpot
from services.simulator.binance.websocket import BinanceWebsocket
from services.simulator.bybit.dialect import Bybit
from services.simulator.bybit.websocket import BybitWebsocket
from services.simulator.engine.faults import Fault
from services.simulator.engine.listing import Listing, binance_spot, btcusdt, bybit_spot, bybit_swap, okx_spot, okx_swap
from services.simulator.engine.matching_engine import MatchingEngine
from services.simulator.engine.prices import EnginePrices, SimulatedPrices, TradedPrices
from services.simulator.engine.simulator_state import FloodClock, SimulatorClock, SimulatorState
from services.simulator.engine.trade_history import TradeHistory
from services.simulator.http.admin import Admin, FeedAdmin
from services.simulator.http.server import FakeVenue, SimulatorServer
from services.simulator.okx.dialect import Okx
from services.simulator.okx.websocket import OkxWebsocket
from services.simulator.websocket.frames import KEPT
from services.simulator.websocket.server import WebsocketServer
from services.simulator.websocket.streams import WebsocketDialect
from shared.simulated_market import PresentMarket

# How much is traded on a fake venue, and since when.


@dataclass(frozen=True)
class TradePlan:
    """rate: trades per second in each market, `count` of them (None: without end), from `start_ms` on (None: now).

    past_ms: so much was traded before, `past_rate` per second, for warm-up. flood: the venue's clock runs as fast as
    clients take what happens, from `start_ms`, once `waits_for` streams were subscribed to. kept: blocks of 512
    messages kept per stream.
    """

    rate: float = 20.0
    count: int | None = None
    start_ms: int | None = None
    past_ms: int = 0
    past_rate: float = 1.0
    flood: bool = False
    waits_for: int = 1
    kept: int = KEPT

    def begin(self, listings: Iterable[Listing], seed: int) -> tuple[SimulatorClock, dict[str, TradeHistory]]:
        """The venue's clock, and the tapes by the venue's id of the market."""
        clock = SimulatorClock()
        start_ms = clock.now_ms() if self.start_ms is None else self.start_ms
        histories = {
            listing.id: TradeHistory(
                listing, seed, start_ms=start_ms, rate=self.rate, count=self.count, past_ms=self.past_ms,
                past_rate=self.past_rate,
            )
            for listing in listings
        }  # fmt: skip
        if self.flood:
            last_ms = None if self.count is None else max(history.last_ms for history in histories.values())
            clock = FloodClock(start_ms - 1, until_ms=last_ms)
        return clock, histories


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
class Simulator:
    """server: what was asked, what is to go wrong. floor: book, weather, clock, keys, tapes. websockets: websockets."""

    server: SimulatorServer
    state: SimulatorState
    websockets: WebsocketServer

    @property
    def url(self) -> str:
        """In front of each of the venue's hosts."""
        return self.server.url

    @property
    def engine(self) -> MatchingEngine:
        """The venue's own."""
        return self.state.engine

    @property
    def histories(self) -> Mapping[str, TradeHistory]:
        """What a perfect websockets gives, by the venue's id of the market."""
        return self.state.histories


def _streams(venue: str, state: SimulatorState, plan: TradePlan) -> WebsocketDialect:
    if venue == "okx":
        return OkxWebsocket(state, plan.kept)
    return BybitWebsocket(state) if venue.startswith("bybit") else BinanceWebsocket(state.histories, plan.kept)


@asynccontextmanager
async def serving(
    venue: str, *faults: Fault, port: int = 0, state_file: Path | None = None, seed: int = 1, walk_ms: int = 0,
    cash: Decimal = Decimal(10_000), listings: tuple[Listing, ...] | None = None, plan: TradePlan | None = None,
    simulated: PresentMarket | None = None,
) -> AsyncIterator[Simulator]:  # fmt: skip
    """venue: one of VENUES. The price stands unless `walk_ms`, or is the simulated market's.

    plan: it is traded, and websockets tell of it.
    """
    traded = listings or LISTINGS[venue]
    clock, histories = (SimulatorClock(), dict[str, TradeHistory]()) if plan is None else plan.begin(traded, seed)
    prices = SimulatedPrices(traded, simulated) if simulated else EnginePrices(traded, seed, walk_ms)
    if histories:
        prices = TradedPrices(histories)
    state = SimulatorState(
        MatchingEngine(traded, prices, {"USDT": cash}, FEE, state_file), clock=clock, histories=histories
    )
    state.random_faults.seed = seed
    told = plan or TradePlan()
    websockets = WebsocketServer(
        state, _streams(venue, state, told), told.waits_for, OKX_CONNECTIONS if venue == "okx" else 0
    )
    websockets.message_faults.seed = seed
    async with SimulatorServer(VENUES[venue](state), *faults, port=port, random_faults=state.random_faults) as server:
        server.admin.update(Admin(server, state).answers() | FeedAdmin(websockets).answers())
        if histories:
            server.websockets = websockets.serve
        try:
            yield Simulator(server, state, websockets)
        finally:
            websockets.abort()
