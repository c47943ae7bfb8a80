"""One gate an order has to pass."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from shared.config import Mode, Settings
from shared.config.fingerprint import config_hash
from shared.config.risk import RiskSettings
from shared.journal.rows import ArmingRow, EventRow, LatchRow, LimitRow
from shared.messages import OrderIntent, Reason
from shared.models.choose import card_at, chosen_model
from shared.orders import VenueQuote

# What the config says to the risk check.


class RiskRules(NamedTuple):
    """symbols: that may be traded. config_hash: what an arming must have been given for."""

    mode: Mode
    limits: RiskSettings
    symbols: frozenset[str]
    config_hash: str

    @classmethod
    def of(cls, settings: Settings, model_sha256: str) -> "RiskRules":
        """The rules of a config and the weights that it uses."""
        limits = settings.gateway.risk
        symbols = frozenset(limits.symbols or settings.symbols)
        return cls(settings.gateway.mode, limits, symbols, config_hash(settings, model_sha256))


# What the risk check is asked, and all that it may look at.

_ZERO = Decimal(0)


class InFlight(NamedTuple):
    """An order of the same symbol that is not settled. signed_qty: what of it may still be filled, base units.

    unknown: nobody knows what became of it.
    """

    signed_qty: Decimal
    unknown: bool = False


class Context(NamedTuple):
    """All that is known when an order is asked for; the caller reads it from journal, books, venue and clock.

    now_ns: the clock, in paper and replay the event's time. predicted_ns: when the order was written, 0 if unknown.
    position: our own in the order's symbol, signed base units. in_flight: the symbol's unsettled orders, this one not
    among them. other_notional: all other symbols' positions with their orders in flight filled, quote units.
    equity: the account's, in paper the book's; None if it is not known or too old. books_balance: of all books.
    limits, latches, arming: as they stand in the journal. quote: the venue's newest of this symbol.
    reconciled: journal and venue agreed when they were last compared. blocked: what else the caller found against new
    exposure, e.g. a gap or an unwritable journal.
    """

    now_ns: int
    predicted_ns: int = 0
    position: Decimal = _ZERO
    in_flight: tuple[InFlight, ...] = ()
    other_notional: Decimal = _ZERO
    equity: Decimal | None = None
    books_balance: Decimal = _ZERO
    limits: Mapping[str, bytes] = {}
    latches: Mapping[str, LatchRow] = {}
    arming: ArmingRow | None = None
    quote: VenueQuote | None = None
    reconciled: bool = False
    blocked: tuple[Reason, ...] = ()

    @property
    def now_ms(self) -> int:
        """now_ns in ms."""
        return self.now_ns // 1_000_000


class ProposedOrder(NamedTuple):
    """An order as it would be sent, and its context. signed_qty: base units, finite and not 0."""

    sym: str
    signed_qty: Decimal
    price: Decimal
    reduce_only: bool
    ts_event: int
    context: Context

    @classmethod
    def of(cls, intent: OrderIntent, context: Context, signed_qty: Decimal | None = None) -> "ProposedOrder":
        """The intent's order. signed_qty: what the venue's rules have made of its quantity."""
        qty = intent.signed_qty if signed_qty is None else signed_qty
        return cls(intent.sym, qty, intent.price, intent.reduce_only, intent.ts_event, context)


# What the risk check answers. `changes` go into the journal in the transaction that keeps the order.

Changes: TypeAlias = tuple[LimitRow | LatchRow | EventRow, ...]


class Pass(NamedTuple):
    """Send `signed_qty`, as reduce-only if `reduce_only`.

    cut_by: why it is less than was asked: only the part that reduces the position goes out. None: all of it does.
    """

    signed_qty: Decimal
    reduce_only: bool
    cut_by: Reason | None
    changes: Changes


class Refusal(NamedTuple):
    """Never send it: the order ends as REJECTED with this reason."""

    reason: Reason
    changes: Changes


class Hold(NamedTuple):
    """Not now: ask again until the order's valid_until is over."""

    reason: Reason
    changes: Changes


Verdict: TypeAlias = Pass | Refusal | Hold


# What an order does to a position, whatever becomes of the orders in flight beside it.
#
# An order reduces as far as it cannot carry the position through zero even if every other order in its direction is
# filled and none against it. All beyond adds exposure. So two closes of one position are one close and one addition,
# and a flip is its closing part and an addition of the rest. The order's own word, reduce_only, counts for nothing
# here.


class ExposureChange(NamedTuple):
    """reduces, adds: parts of the order, both with its sign; their sum is the order.

    worst: the position, signed, if the order and all in flight in its direction are filled.

    >>> exposure(Decimal(-5), Decimal(3), [])
    ExposureChange(reduces=Decimal('-3'), adds=Decimal('-2'), worst=Decimal('-2'))
    >>> exposure(Decimal(-3), Decimal(3), [Decimal(-2)]).adds
    Decimal('-2')
    """

    reduces: Decimal
    adds: Decimal
    worst: Decimal


def exposure(signed_qty: Decimal, position: Decimal, in_flight: Iterable[Decimal]) -> ExposureChange:
    """Of an order over `position`, beside orders in flight; all signed base units."""
    sign = 1 if signed_qty > 0 else -1
    along = position + sum((qty for qty in in_flight if qty * sign > 0), _ZERO)
    left = max(-along * sign, _ZERO)
    size = signed_qty.copy_abs()
    reduces = min(size, left)
    return ExposureChange(reduces * sign, (size - reduces) * sign, along + signed_qty)


class Subject(NamedTuple):
    """What a check looks at. standing: limits of the equity that are reached, latched in the journal or not yet.

    suspected: those that only the newest observation is past.
    """

    asked: ProposedOrder
    rules: RiskRules
    exposure: ExposureChange
    standing: tuple[str, ...]
    suspected: tuple[str, ...] = ()

    @property
    def context(self) -> Context:
        """What is known."""
        return self.asked.context

    @property
    def limits(self) -> RiskSettings:
        """The limits of the config."""
        return self.rules.limits

    @property
    def price(self) -> Decimal:
        """At which exposure is counted: the higher of decision price and the venue's ask."""
        quote = self.context.quote
        return max(self.asked.price, quote.ask) if quote is not None else self.asked.price

    @property
    def account_notional(self) -> Decimal:
        """All positions' notional with this order, and all others in flight in its direction, filled."""
        return self.context.other_notional + self.exposure.worst.copy_abs() * self.price


class RiskLimit(NamedTuple):
    """A limit: `violation` gives the reason why this order does not pass, None when it does.

    applies_to_reducing: it stands even against what only reduces our own position. defers: the order waits instead of
    being refused. of_book: it counts in paper and replay too; the others need a venue.
    """

    name: str
    violation: Callable[[Subject], Reason | None]
    applies_to_reducing: bool = False
    defers: bool = False
    of_book: bool = False


# The weights that a config means; an arming is given for them.


def model_sha256(settings: Settings) -> str:
    """sha256, in hex, of the configured model's weights, as its card says; the signal service holds the file to it.

    Raises ModelRefused where no card is found, or several are, ConfigError where none is named.
    """
    return card_at(chosen_model(settings)).sha256
