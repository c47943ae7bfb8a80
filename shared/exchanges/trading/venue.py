"""A venue takes an order once, and answers questions about it for as long as it takes."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, Protocol, TypeAlias

from shared.errors import VenueError
from shared.later_fields import Since
from shared.orders.answers import (
    Absent,
    Ambiguous,
    FundingPayment,
    Maker,
    OrderStatusReport,
    Refused,
    VenueBalance,
    VenueFill,
    VenueOrder,
    VenuePosition,
    VenueQuote,
)
from shared.orders.state import OrderRequest
from shared.orders.stops import StopRequest
from shared.record import Record

if TYPE_CHECKING:
    from shared.exchanges.trading.stops import Stops


class AccountIdentity(Record):
    """An AccountIdentity says whose account a key is of, so that a journal is never traded with another account's key.

    It holds hashes, never the key itself.

    - salt: the journal's own
    - uid: of the exchange's number of the account, which a new key of it has too; empty where it is not told
    - key: of the API key
    - key_ends_ms: when that key ends, as the exchange told; None where it does not end, or nobody tells

    >>> of = AccountIdentity.of
    >>> one = of("salt", "7", "first")
    >>> one.same_account(of("salt", "7", "second")), one.same_account(of("salt", "8", "first"))
    (True, False)
    >>> of("salt", "", "first").same_account(one), of("salt", "", "second").same_account(one)
    (True, False)
    """

    salt: str
    uid: str
    key: str
    key_ends_ms: Annotated[int | None, Since(4)] = None

    @classmethod
    def of(cls, salt: str, uid: str, api_key: str) -> "AccountIdentity":
        """Makes one of an account's number, where it is told, and its key."""
        return cls(salt=salt, uid=uid and _hash(salt, f"uid {uid}"), key=_hash(salt, f"key {api_key}"))

    def same_account(self, other: "AccountIdentity") -> bool:
        """Says whether the two are of one account, of the same salt; without both uids, their keys must be the same."""
        return self.uid == other.uid if self.uid and other.uid else self.key == other.key


def _hash(salt: str, text: str) -> str:
    return blake2b(text.encode(), digest_size=16, key=salt.encode()).hexdigest()


Cleared: TypeAlias = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """Waits for nothing."""


class NoPrice(VenueError):
    """No market here has a price for a currency, now or later."""


class MarketRules(NamedTuple):
    """MarketRules say how one market is traded.

    - market: ccxt's symbol
    - step, min_qty: base units; min_notional: quote units, 0 where none is known
    - contract_size: base units in one of the exchange's contracts; 1 on spot
    - most_qty, most_notional: of one market order
    - price_tick: the step of prices, 0 where none is known; price_digits: so many that count, where that is bounded
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
    price_digits: int | None = None


class Contract(Record):
    """A Contract is what a strategy's sizes stand on.

    - market: ccxt's symbol
    - size, step: base units
    - min_qty, min_notional: as in MarketRules; None: not known, an earlier version has not kept them
    """

    market: str
    size: Decimal
    step: Decimal
    min_qty: Decimal | None = None
    min_notional: Decimal | None = None

    @classmethod
    def of(cls, rules: MarketRules) -> "Contract":
        """Returns it as the market's rules have it."""
        return cls(
            market=rules.market,
            size=rules.contract_size,
            step=rules.step,
            min_qty=rules.min_qty,
            min_notional=rules.min_notional,
        )


class MarketNews(NamedTuple):
    """MarketNews say what a market is now.

    - closed: why nothing is to be added in it; empty where it is traded and goes on to be
    - changed: what its contract is that it was not before; empty where it is the same
    - least: likewise the least that an order may be, which is taken over and asks nothing of a strategy
    """

    sym: str
    closed: str
    changed: str
    least: str = ""


class Venue(Protocol):
    """A Venue is one account, where orders are executed.

    `place` never asks twice and never raises for what the exchange does. All else are reads, or can be repeated without
    harm: asked again within bounds, then VenueError in one line.
    """

    @property
    def stops(self) -> "Stops":
        """Returns the stops that lie at the exchange."""

    @property
    def out_of_reach(self) -> Mapping[str, str]:
        """Returns the symbols without rules here, and why; only after a way out was opened."""

    @property
    def gone(self) -> frozenset[str]:
        """Returns the symbols whose market the exchange lists no more, as last read: no question names it."""

    @property
    def untraded(self) -> frozenset[str]:
        """Returns the symbols, those of `also` too, whose market does not trade now or is gone, as last read."""

    def also(self, markets: Mapping[str, str]) -> None:
        """Takes symbols that are not traded here, and of which books hold something, into `balance` and `quotes`.

        - markets: ccxt's, of each; after open().
        """

    async def open(self, *, only_out: bool = False) -> None:
        """Checks markets, clock, key and modes; SafetyRefusal or ConfigError where they are not as configured.

        - only_out: key and modes stay as they are, since what follows is a way out of positions. A symbol without a
          market then stands in `out_of_reach`, with the reason, and holds up no other.
        """

    async def close(self) -> None:
        """Gives the connections back."""

    def identity(self, salt: str) -> AccountIdentity:
        """Returns whose account this is, as the exchange tells, or as the key says; after open()."""

    def rules(self, sym: str) -> MarketRules:
        """Returns how a configured symbol is traded; after open()."""

    def now_ms(self) -> int:
        """Returns the exchange's time, as far as it is known here: ours and what it was apart when last asked."""

    def market_news(self, known: Mapping[str, Contract] = MappingProxyType({})) -> list[MarketNews]:
        """Returns what every configured symbol is, as last read; nothing is asked. known: as in `read_markets`."""

    async def read_markets(self, known: Mapping[str, Contract] = MappingProxyType({})) -> list[MarketNews]:
        """Reads every configured symbol anew; `rules` are then as read. A market that is gone keeps its last rules.

        - known: what its contract was, of those symbols of which more is known than the venue's own last reading.
        """

    async def read_modes(self) -> dict[str, str]:
        """Returns symbols whose position mode, margin mode or leverage are not as configured, and how they are.

        Of many markets some are asked for each time, where each is a question of its own.
        """

    async def place(
        self, request: OrderRequest, cleared: Cleared = at_once, stops: Sequence[StopRequest] = ()
    ) -> OrderStatusReport | Refused | Ambiguous:
        """Sends a market order, or one with a limit, as IOC: once.

        Refused: the exchange has not taken it. Ambiguous: nobody knows. An IOC that found nothing, or a part, within
        its limit is CANCELED with what was filled, where the answer tells already.

        - cleared: awaited when the request is made and before anything of it is written. NotCleared of it: it is not
          written, and the answer is Ambiguous, since whoever raises it does so because others may have acted.
        - stops: those that the order carries, where the exchange takes them with it (`CcxtVenue.stops`); else
          ValueError.
        """

    async def find(
        self, sym: str, client_order_id: str, since_ms: int | None = None
    ) -> OrderStatusReport | Absent | Ambiguous:
        """Looks an order up by its client id. since_ms: it was not sent before; exchanges look back a week else."""

    async def cancel(self, sym: str, client_order_id: str, venue_order_id: str) -> Absent | Ambiguous | None:
        """Asks for the cancel of one order of ours, which can be repeated; None: the exchange has taken it.

        Absent: it has no such order open, so it was over before. How the order ended, `find` tells.
        """

    async def open_orders(self, sym: str) -> list[VenueOrder]:
        """Returns all that rest or are being filled, anybody's."""

    async def waiting_orders(self, syms: Sequence[str] = ()) -> list[VenueOrder]:
        """Returns orders that wait for a price, of these symbols or of all, anybody's.

        Only where the exchange keeps them apart from those that rest; else they are among the open orders.
        """

    async def maker(self, sym: str, venue_order_id: str) -> Maker:
        """Asks who made an order of which a trade tells the exchange's own id alone."""

    async def fills(self, sym: str, since_ms: int) -> list[VenueFill]:
        """Returns the account's trades from a time on, oldest first, each once."""

    async def all_open_orders(self, syms: Sequence[str] = ()) -> list[VenueOrder]:
        """Returns those of these symbols, or of all, by the fewest questions."""

    @property
    def fills_at_once(self) -> bool:
        """Says whether one question has the trades of all symbols."""

    async def all_fills(self, syms: Sequence[str], since_ms: int) -> list[VenueFill]:
        """Returns the trades in these symbols from a time on; a symbol's own are the oldest first."""

    async def positions(self) -> list[VenuePosition]:
        """Returns those of every configured symbol, flat ones too; several of one symbol by their `row`.

        Spot: what is held of the base currency.
        """

    async def balance(self) -> VenueBalance:
        """Asks what the account has, by one question; `services/gateway/risk` says what it is worth."""

    async def funding(self, since_ms: int) -> list[FundingPayment]:
        """Returns funding payments of all symbols from a time on, oldest first; positive when received."""

    async def quote(self, sym: str) -> VenueQuote:
        """Asks what can be had now."""

    async def quotes(self, syms: Sequence[str]) -> dict[str, VenueQuote]:
        """Asks what can be had now of each symbol that the exchange answers for, by the fewest questions."""

    async def price(self, currency: str, quote: str) -> Decimal:
        """Asks for quote units for one of a currency, now; NoPrice where it has no market here."""

    async def cancel_all(self, sym: str, shown: Sequence[VenueOrder] | None = None, keep: Collection[str] = ()) -> None:
        """Cancels every open order of this symbol, also those that wait for a price, anybody's.

        - shown: what was seen of them a moment ago; where an exchange cancels by id, they are not asked for again.
        - keep: ids, ours or the exchange's, of what waits and stays.
        """

    async def server_time_ms(self) -> int:
        """Asks the exchange's clock, now."""
