"""All gates, in the order in which they are asked; the first that is closed gives the reason."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from services.gateway.risk.check import (
    Changes,
    Hold,
    Pass,
    ProposedOrder,
    Refusal,
    RiskLimit,
    RiskRules,
    Subject,
    Verdict,
    exposure,
)
from services.gateway.risk.marks import WATCHED, Watched, one_more, sent, watch, watch_funding
from shared.config import Mode
from shared.control import latches
from shared.control.latches import HALT, latched
from shared.journal.rows import FundingRow, LatchRow
from shared.messages import Reason
from shared.tick import Tick

# Halted: nothing goes out. The halt's own flatten does not come this way.


def halt(subject: Subject) -> Reason | None:
    """Closed while the latch is set."""
    return Reason.HALTED if HALT in subject.context.latches else None


# An order of this symbol may or may not have reached the venue: what comes after it would stand on a guess.


def unknown_order(subject: Subject) -> Reason | None:
    """Closed while one is unknown."""
    return Reason.UNKNOWN_ORDER if any(order.unknown for order in subject.context.in_flight) else None


# The list of what may be traded.


def symbol(subject: Subject) -> Reason | None:
    """Closed for a symbol that is not on it."""
    return None if subject.asked.sym in subject.rules.symbols else Reason.SYMBOL_NOT_ALLOWED


# The switch that lets positions only shrink.


def reduce_only(subject: Subject) -> Reason | None:
    """Closed while it is on."""
    return Reason.REDUCE_ONLY if subject.limits.reduce_only else None


# An order that is meant to reduce never adds, e.g. a second close beside one in flight.


def meant_to_reduce(subject: Subject) -> Reason | None:
    """Closed for its excess; like every gate that binds only what adds, it is not asked without one."""
    return Reason.NOT_REDUCING if subject.asked.reduce_only else None


# What the gateway itself found: a gap, a lost bus, a journal that cannot be written.


def blocked(subject: Subject) -> Reason | None:
    """Closed with the first thing found."""
    return next(iter(subject.context.blocked), None)


# A stop that waits for a person: a loss limit, another bus, a symbol that is out of order.


def latch(subject: Subject) -> Reason | None:
    """Closed while it is set."""
    return latched(subject.asked.sym, subject.context.latches)


# Daily loss and drawdown at this very moment, before their latch is in the journal.


def daily_loss(subject: Subject) -> Reason | None:
    """Closed when the equity has fallen by the limit since midnight, until a person resumes."""
    return Reason.DAILY_LOSS if latches.DAILY_LOSS in subject.standing else None


def drawdown(subject: Subject) -> Reason | None:
    """Closed when the equity has fallen by the limit's share from its highest, until a person resumes."""
    return Reason.DRAWDOWN if latches.DRAWDOWN in subject.standing else None


def seen_once(subject: Subject) -> Reason | None:
    """Closed after one observation past a limit, until the next one says whether it was a loss."""
    if latches.DAILY_LOSS in subject.suspected:
        return Reason.DAILY_LOSS
    return Reason.DRAWDOWN if subject.suspected else None


# A person's word, typed at a terminal, for this config and for a limited time.

CLOCK_MS = 60_000  # how far two machines' clocks may differ


def armed(subject: Subject) -> Reason | None:
    """Closed without it, after it, before it (a clock was set back), and under another config."""
    arming = subject.context.arming
    if arming is None:
        return Reason.NOT_ARMED
    if not arming.armed_at_ms - CLOCK_MS <= subject.context.now_ms < arming.expires_at_ms:
        return Reason.ARMING_EXPIRED
    return None if arming.config_hash == subject.rules.config_hash else Reason.ARMED_FOR_OTHER_CONFIG


def armed_notional(subject: Subject) -> Reason | None:
    """Closed when all positions together would be more than was armed."""
    arming = subject.context.arming
    if arming is None:
        return Reason.NOT_ARMED
    return Reason.ARMED_NOTIONAL if subject.account_notional > arming.max_notional else None


# How old what the order was decided on may be. A time that lies ahead by as much is a wrong clock, and no fresher.

S_NS = 10**9


def tick_age(subject: Subject) -> Reason | None:
    """Closed when the tick behind the order is too old."""
    age_ns = subject.context.now_ns - subject.asked.ts_event
    return Reason.STALE_TICK if abs(age_ns) > subject.limits.max_tick_age_s * S_NS else None


def prediction_age(subject: Subject) -> Reason | None:
    """Closed when the order was written too long ago; by the tick's time where nobody knows."""
    written_ns = subject.context.predicted_ns or subject.asked.ts_event
    age_ns = subject.context.now_ns - written_ns
    return Reason.STALE_PREDICTION if abs(age_ns) > subject.limits.max_prediction_age_s * S_NS else None


# The venue's own price, now.

BPS = 10_000
MS = 1_000


def fresh_quote(subject: Subject) -> Reason | None:
    """Closed without one of this symbol, and with one that is too old or has no two sides.

    Its age is since it was asked for: a book that does not change is a quiet market. One that has not changed for very
    long may be an engine that stands still, and where the market is closed no age is young.
    """
    quote = subject.context.quote
    if quote is None or quote.sym != subject.asked.sym or not 0 < quote.bid <= quote.ask:
        return Reason.NO_FRESH_QUOTE
    age_ms = subject.context.now_ms - quote.at_ms
    lag_ms = 0 if quote.book_ms is None else quote.at_ms - quote.book_ms
    too_old = abs(age_ms) > subject.limits.quote_max_age_s * MS or lag_ms > subject.limits.book_max_lag_s * MS
    return Reason.NO_FRESH_QUOTE if too_old or not quote.trading else None


def collar(subject: Subject) -> Reason | None:
    """Closed when the side that the order would meet is too far from the decision price, whichever way."""
    quote, price = subject.context.quote, subject.asked.price
    if quote is None:
        return Reason.NO_FRESH_QUOTE
    met = quote.ask if subject.asked.signed_qty > 0 else quote.bid
    return Reason.PRICE_COLLAR if abs(met - price) * BPS > subject.limits.collar_bps * price else None


# How much one order may add, and how large one position may become, in quote units.


def order_notional(subject: Subject) -> Reason | None:
    """Closed when what the order adds is more than the limit."""
    added = subject.exposure.adds.copy_abs() * subject.price
    return Reason.ORDER_NOTIONAL if added > subject.limits.max_order_notional else None


def position_notional(subject: Subject) -> Reason | None:
    """Closed when the position, with all in flight in the order's direction filled, would be more than the limit."""
    position = subject.exposure.worst.copy_abs() * subject.price
    return Reason.POSITION_NOTIONAL if position > subject.limits.max_position_notional else None


# What stands behind the positions.


def leverage(subject: Subject) -> Reason | None:
    """Closed when all positions together would be more than so many times the equity, or it is not known."""
    equity = subject.context.equity
    if equity is None:
        return Reason.EQUITY_UNKNOWN
    return Reason.LEVERAGE if subject.account_notional > subject.limits.max_leverage * equity else None


def capital(subject: Subject) -> Reason | None:
    """Closed when the books together have more money than their share of the account."""
    equity = subject.context.equity
    if equity is None:
        return Reason.EQUITY_UNKNOWN
    has = subject.limits.max_capital_share * equity
    return Reason.CAPITAL_ABOVE_EQUITY if subject.context.books_balance > has else None


# How many orders go out in a minute.


def rate(subject: Subject) -> Reason | None:
    """Closed when the limit was sent within the last 60 s."""
    context = subject.context
    full = sent(context.limits, context.now_ms) >= subject.limits.orders_per_minute
    return Reason.ORDERS_PER_MINUTE if full else None


# Journal and venue were compared, and agreed.


def reconciled(subject: Subject) -> Reason | None:
    """Closed until they are."""
    return None if subject.context.reconciled else Reason.NOT_RECONCILED


LIMITS = (
    RiskLimit("halt", halt, applies_to_reducing=True, of_book=True),
    RiskLimit("unknown order", unknown_order, applies_to_reducing=True, defers=True),
    RiskLimit("symbols", symbol, of_book=True),
    RiskLimit("reduce_only", reduce_only, of_book=True),
    RiskLimit("meant to reduce", meant_to_reduce, of_book=True),
    RiskLimit("blocked", blocked),
    RiskLimit("latches", latch, of_book=True),
    RiskLimit("daily_loss", daily_loss, of_book=True),
    RiskLimit("max_drawdown", drawdown, of_book=True),
    RiskLimit("armed", armed),
    RiskLimit("max_tick_age_s", tick_age),
    RiskLimit("max_prediction_age_s", prediction_age),
    RiskLimit("fresh quote", fresh_quote),
    RiskLimit("collar_bps", collar),
    RiskLimit("max_order_notional", order_notional, of_book=True),
    RiskLimit("max_position_notional", position_notional, of_book=True),
    RiskLimit("armed notional", armed_notional),
    RiskLimit("max_leverage", leverage, of_book=True),
    RiskLimit("max_capital_share", capital),
    RiskLimit("orders_per_minute", rate),
    RiskLimit("loss seen once", seen_once, defers=True, of_book=True),
    RiskLimit("reconciled", reconciled, defers=True),  # last: what would be refused anyway need not wait
)


# The risk check as a Tick. Its memory lies in the journal: limits and latches come with what is asked.


class RiskCheck(Tick[ProposedOrder, Verdict]):
    """May this order go out?

    What only reduces our own position passes every gate but the halt and an unknown order in its symbol. What adds must
    pass all. An order that does both (a flip) passes whole or, where a gate refuses its addition, is cut to the part
    that reduces; where a gate only lets it wait, all of it waits. A quantity that is 0 or not finite is a ValueError.
    """

    def __init__(self, rules: RiskRules) -> None:
        self._rules = rules
        book_only = rules.mode is Mode.PAPER
        self._checks = tuple(check for check in LIMITS if check.of_book or not book_only)

    def on_tick(self, val: ProposedOrder) -> Verdict:
        """Take an order and its context."""
        if not val.signed_qty.is_finite() or not val.signed_qty:
            raise ValueError(f"an order's quantity must be finite and not 0, not {val.signed_qty}")
        context = val.context
        made = exposure(val.signed_qty, context.position, (order.signed_qty for order in context.in_flight))
        seen = Watched((), ())
        if context.equity is not None:
            # A book's equity is exact; an account's was observed before, and being asked again is no observation.
            suspected = WATCHED if self._rules.mode is Mode.PAPER else ()
            seen = self.watch(context.now_ns, context.equity, context.limits, context.latches, suspected)
        return self._asked_all(Subject(val, self._rules, made, seen.standing, seen.suspected), seen.changes)

    def watch(
        self, now_ns: int, equity: Decimal, limits: Mapping[str, bytes], latches: Mapping[str, LatchRow],
        suspected: Collection[str],
    ) -> Watched:  # fmt: skip
        """What follows from seeing the account's equity, whether or not an order is asked for.

        suspected: limits that the observation before this one was past.
        """
        return watch(self._rules.limits, now_ns, equity, limits, latches, suspected)

    def watch_funding(
        self, now_ns: int, payments: Iterable[FundingRow], limits: Mapping[str, bytes], latches: Mapping[str, LatchRow]
    ) -> Changes:
        """What follows from the day's funding payments, as they are booked."""
        return watch_funding(self._rules.limits.daily_funding, now_ns, payments, limits, latches)

    def _asked_all(self, subject: Subject, seen: Changes) -> Verdict:
        reduces, adds = subject.exposure.reduces, subject.exposure.adds
        for check in self._checks:
            if not adds and not check.applies_to_reducing:
                continue
            reason = check.violation(subject)
            if reason is None:
                continue
            if check.defers:
                return Hold(reason, seen)
            if check.applies_to_reducing or not reduces:
                return Refusal(reason, seen)
            return Pass(reduces, True, reason, self._sent(subject, seen))
        return Pass(subject.asked.signed_qty, not adds, None, self._sent(subject, seen))

    def _sent(self, subject: Subject, seen: Changes) -> Changes:
        """What is remembered when the order goes out: it counts against the rate, whatever it does."""
        if self._rules.mode is Mode.PAPER:
            return seen
        return (*seen, one_more(subject.context.limits, subject.context.now_ms))
