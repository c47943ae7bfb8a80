"""What a venue is to the gateway: it takes an order once, and answers questions about it for as long as it takes."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol, TypeAlias

from shared.errors import VenueError
from shared.orders.answers import (
    Absent,
    Ambiguous,
    FundingPayment,
    Refused,
    Snapshot,
    VenueBalance,
    VenueFill,
    VenueOrder,
    VenuePosition,
    VenueQuote,
)
from shared.orders.request import OrderRequest

Cleared: TypeAlias = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """Nothing is waited for."""


class NoPrice(VenueError):
    """No market here has a price for a currency, now or later."""


class MarketRules(NamedTuple):
    """How one market is traded. market: ccxt's symbol. step, min_qty: base units. min_notional: quote; 0: none known.

    contract_size: base units in one of the venue's contracts; 1 on spot. most_qty, most_notional: of one market order.
    """

    kind: Literal["swap", "spot"]
    market: str
    base: str
    quote: str
    step: Decimal
    min_qty: Decimal
    most_qty: Decimal | None
    min_notional: Decimal
    price_tick: Decimal
    contract_size: Decimal
    most_notional: Decimal | None = None


class Venue(Protocol):
    """One account at one venue.

    place never asks twice and never raises for what the venue does. All else are reads, or can be repeated without
    harm: asked again within bounds, then VenueError in one line.
    """

    async def open(self, *, only_out: bool = False) -> None:
        """Markets, clock, key, modes: all checked; SafetyRefusal or ConfigError where they are not as configured.

        only_out: key and modes stay as they are, since what follows is a way out of positions.
        """

    async def close(self) -> None:
        """Give the connections back."""

    def rules(self, sym: str) -> MarketRules:
        """Of a configured symbol; after open()."""

    def now_ms(self) -> int:
        """The venue's clock, as far as it is known here: ours and what it was apart when last asked."""

    async def place(self, request: OrderRequest, cleared: Cleared = at_once) -> Snapshot | Refused | Ambiguous:
        """Send a market order, once. Refused: the venue has not taken it. Ambiguous: nobody knows.

        cleared: awaited when the request is made and before anything of it is written. NotCleared of it: it is not
        written, and the answer is Ambiguous, since whoever raises it does so because others may have acted.
        """

    async def find(self, sym: str, client_order_id: str, since_ms: int | None = None) -> Snapshot | Absent | Ambiguous:
        """What became of an order, by its client id. since_ms: it was not sent before; venues look back a week else."""

    async def open_orders(self, sym: str) -> list[VenueOrder]:
        """All that rest or are being filled, anybody's."""

    async def fills(self, sym: str, since_ms: int) -> list[VenueFill]:
        """The account's trades from a time on, oldest first, each once."""

    async def positions(self) -> list[VenuePosition]:
        """Of every configured symbol, flat ones too. Spot: what is held of the base currency."""

    async def balance(self) -> VenueBalance:
        """What the account has, by one question; `services/gateway/risk/equity.py` says what it is worth."""

    async def funding(self, since_ms: int) -> list[FundingPayment]:
        """Funding payments of all symbols from a time on, oldest first; positive when received."""

    async def quote(self, sym: str) -> VenueQuote:
        """What can be had now."""

    async def price(self, currency: str, quote: str) -> Decimal:
        """Quote units for one of a currency, now; NoPrice where it has no market here."""

    async def cancel_all(self, sym: str) -> None:
        """Every open order of this symbol, anybody's."""

    async def server_time_ms(self) -> int:
        """The venue's clock, asked now."""
