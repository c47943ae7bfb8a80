"""The risk check is given rules, a proposed order and its context, and returns a verdict."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from shared.config import Mode, Settings
from shared.config.fingerprint import config_hash
from shared.config.risk import RiskSettings
from shared.journal.rows import ArmingRow, EventRow, LatchRow, LimitRow
from shared.messages import OrderIntent, Reason
from shared.orders import VenueQuote

Changes: TypeAlias = tuple[LimitRow | LatchRow | EventRow, ...]
_ZERO = Decimal(0)


class RiskRules(NamedTuple):
    """The config says what may be traded, and within which limits.

    - symbols: that may be traded.
    - config_hash: what an arming must have been given for.
    - bound: whether what adds must have a limit price (`strategy.max_slippage_bps`).
    """

    mode: Mode
    limits: RiskSettings
    symbols: frozenset[str]
    config_hash: str
    bound: bool = False

    @classmethod
    def of(cls, settings: Settings) -> "RiskRules":
        """Returns the rules of a config."""
        limits = settings.gateway.risk
        symbols = frozenset(limits.symbols or settings.symbols)
        bound = settings.strategy.limit_bps is not None
        return cls(settings.gateway.mode, limits, symbols, config_hash(settings), bound)


class InFlight(NamedTuple):
    """An order of the same symbol that is in flight is not settled.

    - signed_qty: what of it may still be filled, base units.
    - unknown: nobody knows what became of it.
    - passing: it does not rest, and its answer or its end is on the way. Neither: it rests at the venue.
    - limited: the venue itself lets it only reduce, as it was told to.
    - limit_price: the worst that it may be filled at; 0 where it has none.
    """

    signed_qty: Decimal
    unknown: bool = False
    passing: bool = False
    limited: bool = False
    limit_price: Decimal = _ZERO


class ExposureChange(NamedTuple):
    """An order changes the exposure by two parts, whatever becomes of the orders in flight beside it.

    It reduces as far as it cannot carry the position through zero even if every other order in its direction is
    filled and none against it. All beyond adds exposure. So two closes of one position are one close and one addition,
    and a flip is its closing part and an addition of the rest. The order's own word, reduce_only, counts for nothing.

    - reduces, adds: parts of the order, both with its sign; their sum is the order.
    - worst: the position, signed, at the larger of its two ends: with the order and all in flight in its direction
      filled, or with all in flight against it.
    - lets_open: the part of `reduces` that may take away what an UNKNOWN order was to close, which then opens more.

    >>> change = exposure(Decimal(-5), Decimal(3), [])
    >>> str(change.reduces), str(change.adds), str(change.worst)
    ('-3', '-2', '-2')
    >>> exposure(Decimal(-3), Decimal(3), [Decimal(-2)]).adds
    Decimal('-2')
    >>> exposure(Decimal(-1), Decimal(0), [Decimal(4)]).worst
    Decimal('4')
    """

    reduces: Decimal
    adds: Decimal
    worst: Decimal
    lets_open: Decimal = _ZERO


def exposure(
    signed_qty: Decimal,
    position: Decimal,
    in_flight: Iterable[Decimal],
    limited: Iterable[Decimal] = (),
    unlimited: Iterable[Decimal] = (),
) -> ExposureChange:
    """Returns what an order does over `position`, beside orders in flight; all signed base units.

    - limited: those in flight against which the venue itself limits the order to reducing: should one of them be filled
      first, the venue lets less of the order through, or nothing. It limits them likewise, should they come second.
    - unlimited: likewise, but nobody limits them, should they come second: a flip that is UNKNOWN closes then nothing
      that the order has closed, and opens all the more.

    >>> exposure(Decimal(-3), Decimal(3), [], [Decimal(-3)]).reduces
    Decimal('-3')
    >>> change = exposure(Decimal(-3), Decimal(3), [], unlimited=[Decimal(-5)])
    >>> str(change.reduces), str(change.worst), str(change.lets_open)
    ('-3', '-5', '-3')
    """
    sign, unlimited = 1 if signed_qty > 0 else -1, tuple(unlimited)
    unknown = (*limited, *unlimited)
    others = (*in_flight, *unknown)
    # The position, should all that goes in the order's direction be filled; and should nothing of what is UNKNOWN be.
    all_filled = position + sum((qty for qty in others if qty * sign > 0), _ZERO)
    without_unknown = all_filled - sum((qty for qty in unknown if qty * sign > 0), _ZERO)
    behind_unlimited = without_unknown + sum((qty for qty in unlimited if qty * sign > 0), _ZERO)
    size = signed_qty.copy_abs()
    reduces = min(size, max(-without_unknown * sign, _ZERO))
    still_reduces = min(reduces, max(-behind_unlimited * sign, _ZERO))
    against = [qty for qty in others if qty * sign < 0]
    ends = (all_filled + signed_qty, position + sum(against, _ZERO) if against else _ZERO)
    return ExposureChange(reduces * sign, (size - reduces) * sign, max(ends, key=abs), (reduces - still_reduces) * sign)


class Context(NamedTuple):
    """The context is all that is known at one moment; the caller reads it from journal, books, venue and clock.

    - now_ns: the clock, in paper and replay the event's time; predicted_ns: when the order was written, 0 if unknown.
    - position: our own in the order's symbol, signed base units, with what is known to be filled of unsettled orders.
    - limited: the venue itself lets a reduce-only order only reduce, as swaps do.
    - in_flight: the symbol's unsettled orders, this one not among them.
    - other_notional: all other symbols' positions with their orders in flight filled, quote units.
    - equity: the account's, in paper the book's; None if it is not known or too old.
    - books_balance: of all books.
    - limits, latches, arming: as they stand in the journal.
    - quote: the venue's newest of this symbol.
    - reconciled: journal and venue agreed when they were last compared.
    - blocked: what else the caller found against new exposure, e.g. a gap or an unwritable journal.
    - clearing: a stop of an older position of this symbol is still there.
    - exposed: the symbol's position has no stop that limits its loss, or one is just closing it.
    - dust: what of the position is too small to be closed, so that what joins it opens one.
    """

    now_ns: int
    predicted_ns: int = 0
    position: Decimal = _ZERO
    limited: bool = False
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
    clearing: bool = False
    exposed: bool = False
    dust: Decimal = _ZERO

    def joined_by(self, signed_qty: Decimal) -> bool:
        """Returns whether such an order joins a position; what joins dust opens one."""
        return (self.position - self.dust) * signed_qty > 0


class ProposedOrder(NamedTuple):
    """An order is proposed as it would be sent, with its context.

    - signed_qty: base units, finite and not 0.
    - by: who decided on it, as the intent says. limit_price: likewise.
    """

    sym: str
    signed_qty: Decimal
    price: Decimal
    reduce_only: bool
    ts_event: int
    context: Context
    by: str = ""
    limit_price: Decimal | None = None

    @classmethod
    def of(cls, intent: OrderIntent, context: Context, signed_qty: Decimal | None = None) -> "ProposedOrder":
        """Returns the intent's order; signed_qty: what the venue's rules have made of its quantity."""
        qty = intent.signed_qty if signed_qty is None else signed_qty
        return cls(
            intent.sym, qty, intent.price, intent.reduce_only, intent.ts_event, context, intent.by, intent.limit_price
        )


class Pass(NamedTuple):
    """The order goes out with `signed_qty`, as reduce-only if `reduce_only`.

    - cut_by: why it is less than was proposed: only the part that reduces the position goes out. None: all of it does.
    - changes: go into the journal in the transaction that keeps the order, as with the other verdicts.
    - why: the number that met the limit, and the limit, in words, as with the other verdicts; empty where all goes out.
    """

    signed_qty: Decimal
    reduce_only: bool
    cut_by: Reason | None
    changes: Changes
    why: str = ""


class Refusal(NamedTuple):
    """The order is never sent: it ends as REJECTED with this reason."""

    reason: Reason
    changes: Changes
    why: str = ""


class Hold(NamedTuple):
    """The order waits: it is proposed again until its valid_until is over."""

    reason: Reason
    changes: Changes
    why: str = ""


Verdict: TypeAlias = Pass | Refusal | Hold
