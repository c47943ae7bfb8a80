"""A simulator, put together and served: for tests in their own process, and for `python -m services simulator`."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from services.simulator.dialects import DIALECTS
from services.simulator.engine.faults import Fault
from services.simulator.engine.listing import Listing
from services.simulator.engine.matching_engine import MatchingEngine
from services.simulator.engine.prices import EnginePrices, SimulatedPrices, TradedPrices
from services.simulator.engine.simulator_state import FloodClock, SimulatorClock, SimulatorState
from services.simulator.engine.trade_history import TradeHistory
from services.simulator.http.admin import Admin, WebsocketAdmin
from services.simulator.http.server import SimulatorServer
from services.simulator.websocket.frames import KEPT
from services.simulator.websocket.server import WebsocketServer
from shared.simulated_market import PresentMarket

FEE = Decimal("0.0005")


@dataclass(frozen=True)
class TradePlan:
    """A plan says how much others trade on a simulator, and since when.

    - rate: trades per second in each market.
    - count: so many in each market; None: without end.
    - start_ms: when they begin; None: now.
    - past_ms, past_rate: so long it was traded before, at so many per second, for warm-up.
    - flood: the simulator's clock runs as fast as clients take what happens, from `start_ms` on.
    - waits_for: a flood begins when so many streams were subscribed to.
    - kept: blocks of 512 messages kept per stream.
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
        """Returns the simulator's clock, and the trades of each market by the exchange's id of it."""
        clock = SimulatorClock()
        start_ms = clock.now_ms() if self.start_ms is None else self.start_ms
        histories = {
            listing.id: TradeHistory(
                listing,
                seed,
                start_ms=start_ms,
                rate=self.rate,
                count=self.count,
                past_ms=self.past_ms,
                past_rate=self.past_rate,
            )
            for listing in listings
        }
        if self.flood:
            last_ms = None if self.count is None else max(history.last_ms for history in histories.values())
            clock = FloodClock(start_ms - 1, until_ms=last_ms)
        return clock, histories


@dataclass
class Simulator:
    """A simulator runs with an HTTP server, a state, and websockets."""

    server: SimulatorServer
    state: SimulatorState
    websockets: WebsocketServer

    @property
    def url(self) -> str:
        """Returns the URL that stands in front of each of the exchange's hosts."""
        return self.server.url

    @property
    def engine(self) -> MatchingEngine:
        """Returns the engine, which knows every order and fill whatever clients make of them."""
        return self.state.engine

    @property
    def histories(self) -> Mapping[str, TradeHistory]:
        """Returns the trades that a perfect feed gives, by the exchange's id of the market."""
        return self.state.histories


@asynccontextmanager
async def serving(
    dialect: str,
    *faults: Fault,
    port: int = 0,
    state_file: Path | None = None,
    seed: int = 1,
    walk_ms: int = 0,
    cash: Decimal = Decimal(10_000),
    listings: tuple[Listing, ...] | None = None,
    plan: TradePlan | None = None,
    simulated: PresentMarket | None = None,
    chances: Mapping[str, float] | None = None,
) -> AsyncIterator[Simulator]:
    """Serves a simulator while its context lasts.

    - dialect: its name in DIALECTS faults: strike chosen requests.
    - port: 0 takes a free one.
    - state_file: keeps orders, fills and payments over a restart.
    - seed: of the price's walk, of trades, and of what goes wrong at random.
    - walk_ms: the step of the price's walk; 0: it stands.
    - cash: of the quote currency, at the start.
    - listings: None: those of the dialect.
    - plan: what is traded, as the websockets then tell; None: nothing, and there are no websockets.
    - simulated: the price is this market's, and does not walk.
    - chances: of what goes wrong at random, as RandomFaults has them; None: the usual, {}: none.
    """
    speaks = DIALECTS[dialect]
    traded = listings or speaks.listings
    clock, histories = (SimulatorClock(), dict[str, TradeHistory]()) if plan is None else plan.begin(traded, seed)
    prices = SimulatedPrices(traded, simulated) if simulated else EnginePrices(traded, seed, walk_ms)
    if histories:
        prices = TradedPrices(histories)
    engine = MatchingEngine(traded, prices, {listing.quote: cash for listing in traded}, FEE, state_file)
    state = SimulatorState(engine, clock=clock, histories=histories)
    state.random_faults.seed = state.stop_faults.seed = seed
    if chances is not None:
        state.random_faults.chances = dict(chances)
    streamed = plan or TradePlan()
    streams = speaks.websocket(state, streamed.kept)
    websockets = WebsocketServer(state, streams, streamed.waits_for, speaks.connections_per_s)
    websockets.message_faults.seed = seed
    async with SimulatorServer(speaks.routes(state), *faults, port=port, random_faults=state.random_faults) as server:
        server.admin.update(Admin(server, state).handlers() | WebsocketAdmin(websockets).handlers())
        if histories:
            server.websockets = websockets.serve
        try:
            yield Simulator(server, state, websockets)
        finally:
            websockets.abort()
