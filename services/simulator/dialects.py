"""The register of dialects: how the simulator speaks as one exchange or another. A new one is a line in DIALECTS."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from services.simulator.binance import account as binance_account
from services.simulator.binance import dialect as binance
from services.simulator.binance import spot as binance_spot
from services.simulator.binance import stops as binance_stops
from services.simulator.binance.websocket import BinanceWebsocket
from services.simulator.bybit import account as bybit_account
from services.simulator.bybit import dialect as bybit
from services.simulator.bybit import stops as bybit_stops
from services.simulator.bybit.websocket import BybitWebsocket
from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import Handler
from services.simulator.hyperliquid import dialect as hyperliquid
from services.simulator.hyperliquid.websocket import HyperliquidWebsocket
from services.simulator.okx import account as okx_account
from services.simulator.okx import dialect as okx
from services.simulator.okx import stops as okx_stops
from services.simulator.okx.websocket import OkxWebsocket
from services.simulator.websocket.streams import WebsocketDialect

COINS = (
    "BTC", "ETH", "SOL", "XRP", "BNB", "DOGE", "ADA", "TRX", "AVAX", "LINK", "DOT", "LTC", "BCH", "UNI", "ATOM", "ETC",
    "XLM", "NEAR", "APT", "FIL", "ARB", "OP", "SUI", "INJ", "AAVE", "HBAR", "ICP", "TON", "SEI", "TIA",
)  # fmt: skip


@dataclass(frozen=True)
class Dialect:
    """A dialect says how one exchange speaks.

    - route_makers: each makes the handlers of some `METHOD HOST/PATH` over a state.
    - websocket: makes the public streams over a state; keeps so many blocks of messages per stream.
    - listings: its markets, where nobody asks for others.
    - listing: lists a coin at a price, as it does with its main kind of market.
    - connections_per_s: so many websockets are let in in a second; 0: any number.
    """

    route_makers: tuple[Callable[[SimulatorState], Mapping[str, Handler]], ...]
    websocket: Callable[[SimulatorState, int], WebsocketDialect]
    listings: tuple[Listing, ...]
    listing: Callable[[str, Decimal], Listing]
    connections_per_s: int = 0

    def routes(self, state: SimulatorState) -> dict[str, Handler]:
        """Returns the handler of each `METHOD HOST/PATH`."""
        return {route: handler for make in self.route_makers for route, handler in make(state).items()}


BINANCE = binance.routes, binance_account.routes, binance_stops.routes
OKX = okx.routes, okx_account.routes, okx_stops.routes
BYBIT = bybit.routes, bybit_account.routes, bybit_stops.routes

DIALECTS = {
    "binance": Dialect(BINANCE, BinanceWebsocket, binance.LISTINGS, binance.swap),
    "binance-spot": Dialect((binance_spot.routes,), BinanceWebsocket, binance_spot.LISTINGS, binance_spot.spot),
    "okx": Dialect(OKX, OkxWebsocket, okx.LISTINGS, okx.swap, okx.CONNECTIONS_PER_S),
    "bybit": Dialect(BYBIT, BybitWebsocket, bybit.LISTINGS, bybit.swap),
    "bybit-spot": Dialect(BYBIT, BybitWebsocket, bybit.SPOT_LISTINGS, bybit.spot),
    "hyperliquid": Dialect((hyperliquid.routes,), HyperliquidWebsocket, hyperliquid.LISTINGS, hyperliquid.swap),
}
LISTED_AS = {**{name: dialect.listing for name, dialect in DIALECTS.items()}, "okx-spot": okx.spot}


def markets(kind: str, count: int) -> tuple[Listing, ...]:
    """Returns so many markets, at most 30, the dearest first: BTC, ETH, SOL ...

    - kind: a dialect's name, or `okx-spot`, which the dialect `okx` serves beside the swaps.

    >>> [listing.id for listing in markets("okx", 2)]
    ['BTC-USDT-SWAP', 'ETH-USDT-SWAP']
    """
    list_coin = LISTED_AS[kind]
    return tuple(list_coin(coin, Decimal(42_000) / (1 + at) ** 2 // 1) for at, coin in enumerate(COINS[:count]))
