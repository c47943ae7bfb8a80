"""The risk check asks each limit, a function, in the order of their table, and returns its verdict.

A limit looks at a Subject and returns the reason why it refuses it, or None. The table beneath the functions has them
in the order in which they are asked: the first that refuses gives the reason. A new limit is a function and its line.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from services.gateway.risk.check import (
    Changes,
    Context,
    ExposureChange,
    Hold,
    Pass,
    ProposedOrder,
    Refusal,
    RiskRules,
    Verdict,
    exposure,
)
from services.gateway.risk.marks import WATCHED, Watched, one_more, sent, watch
from services.gateway.risk.measures import measured
from shared.config import Mode
from shared.config.risk import RiskSettings
from shared.control import latches
from shared.messages import Reason
from shared.tick import Tick

CLOCK_MS = 60_000  # how far two machines' clocks may differ
NS_PER_S, NS_PER_MS, MS_PER_S, BPS = 10**9, 10**6, 1_000, 10_000
LATCHED = {
    latches.DAILY_LOSS: Reason.DAILY_LOSS,
    latches.DRAWDOWN: Reason.DRAWDOWN,
    latches.DAILY_FUNDING: Reason.DAILY_FUNDING,
    latches.OTHER_BUS: Reason.OTHER_BUS,
    latches.DRIFT: Reason.DRIFT,
}


class Subject(NamedTuple):
    """A subject is what a limit looks at: an order, and all that is known around it.

    - exposure: what the order adds, and what it reduces.
    - standing: limits of the equity that are reached, latched in the journal or not yet.
    - suspected: those that only the newest observation is past.
    """

    order: ProposedOrder
    context: Context
    rules: RiskRules
    exposure: ExposureChange
    standing: tuple[str, ...]
    suspected: tuple[str, ...] = ()

    @property
    def limits(self) -> RiskSettings:
        """Returns the limits of the config."""
        return self.rules.limits

    @property
    def now_ms(self) -> int:
        """Returns the context's time in ms."""
        return self.context.now_ns // NS_PER_MS

    @property
    def price(self) -> Decimal:
        """Returns the price at which exposure is counted: the highest of decision price, ask and limits.

        A buy may be filled at its limit, and what is in flight beside it at its own.
        """
        quote, order = self.context.quote, self.order
        ask = order.price if quote is None else quote.ask
        return max(order.price, ask, order.limit_price or ask, *(one.limit_price for one in self.context.in_flight))

    @property
    def account_notional(self) -> Decimal:
        """Returns all positions' notional with this order, and all others in flight in its direction, filled."""
        return self.context.other_notional + self.exposure.worst.copy_abs() * self.price


def halt(subject: Subject) -> Reason | None:
    """Refuses all while the halt is set; its own flatten does not come this way."""
    return Reason.HALTED if latches.HALT in subject.context.latches else None


def unknown_order(subject: Subject) -> Reason | None:
    """Refuses while an order of this symbol may or may not have reached the venue: the next would stand on a guess.

    So it does while one is on its way, which is over soon. What rests at the venue only counts.
    """
    in_flight = subject.context.in_flight
    return Reason.UNKNOWN_ORDER if any(order.unknown or order.passing for order in in_flight) else None


def older_stops(subject: Subject) -> Reason | None:
    """Refuses what opens a position while a stop of the one before may still be there; of a flip, what it opens."""
    opens = not subject.context.joined_by(subject.order.signed_qty)
    return Reason.STOP_CLEARING if subject.context.clearing and opens else None


def no_stop(subject: Subject) -> Reason | None:
    """Refuses what joins a position that nothing protects now: until its stop is there, or it is gone."""
    return Reason.NO_STOP if subject.context.exposed and subject.context.joined_by(subject.order.signed_qty) else None


def symbol(subject: Subject) -> Reason | None:
    """Refuses a symbol that is not on the list of what may be traded."""
    return None if subject.order.sym in subject.rules.symbols else Reason.SYMBOL_NOT_ALLOWED


def reduce_only(subject: Subject) -> Reason | None:
    """Refuses what adds while the config lets positions only shrink."""
    return Reason.REDUCE_ONLY if subject.limits.reduce_only else None


def meant_to_reduce(subject: Subject) -> Reason | None:
    """Refuses the excess of an order that is meant to reduce, e.g. of a second close beside one in flight."""
    return Reason.NOT_REDUCING if subject.order.reduce_only else None


def blocked(subject: Subject) -> Reason | None:
    """Refuses with the first thing that the gateway found: a gap, a lost bus, a journal that cannot be written."""
    return next(iter(subject.context.blocked), None)


def latch(subject: Subject) -> Reason | None:
    """Refuses while a latch is set, the halt apart: a loss limit, another bus, a symbol that is out of order.

    A latch of an unknown name stops everything.
    """
    for name in subject.context.latches:
        if name.startswith(latches.SYMBOL):
            if name == latches.SYMBOL + subject.order.sym:
                return Reason.SYMBOL_STOPPED
        elif name != latches.HALT:
            return LATCHED.get(name, Reason.LATCHED)
    return None


def daily_loss(subject: Subject) -> Reason | None:
    """Refuses when the equity has fallen by the limit since midnight, until a person resumes; before it is latched."""
    return Reason.DAILY_LOSS if latches.DAILY_LOSS in subject.standing else None


def drawdown(subject: Subject) -> Reason | None:
    """Refuses when the equity has fallen by the limit's share from its highest, likewise."""
    return Reason.DRAWDOWN if latches.DRAWDOWN in subject.standing else None


def seen_once(subject: Subject) -> Reason | None:
    """Refuses after one observation past a limit, until the next one says whether it was a loss."""
    if latches.DAILY_LOSS in subject.suspected:
        return Reason.DAILY_LOSS
    return Reason.DRAWDOWN if subject.suspected else None


def armed(subject: Subject) -> Reason | None:
    """Refuses without a person's arming, after it, before it (a clock was set back), and under another config.

    An arming is also for those who decide: strategy and model, with their code, as these processes have loaded them.
    """
    arming = subject.context.arming
    if arming is None:
        return Reason.NOT_ARMED
    if not arming.armed_at_ms - CLOCK_MS <= subject.now_ms < arming.expires_at_ms:
        return Reason.ARMING_EXPIRED
    if arming.config_hash != subject.rules.config_hash:
        return Reason.ARMED_FOR_OTHER_CONFIG
    return None if arming.decided_by and arming.decided_by == subject.order.by else Reason.ARMED_FOR_OTHER_CODE


def armed_notional(subject: Subject) -> Reason | None:
    """Refuses when all positions together would be more than was armed."""
    arming = subject.context.arming
    if arming is None:
        return Reason.NOT_ARMED
    return Reason.ARMED_NOTIONAL if subject.account_notional > arming.max_notional else None


def tick_age(subject: Subject) -> Reason | None:
    """Refuses when the tick behind the order is too old. One that lies ahead by as much is of a wrong clock."""
    age_ns = subject.context.now_ns - subject.order.ts_event
    return Reason.STALE_TICK if abs(age_ns) > subject.limits.max_tick_age_s * NS_PER_S else None


def prediction_age(subject: Subject) -> Reason | None:
    """Refuses when the order was written too long ago; by the tick's time where nobody knows."""
    written_ns = subject.context.predicted_ns or subject.order.ts_event
    age_ns = subject.context.now_ns - written_ns
    return Reason.STALE_PREDICTION if abs(age_ns) > subject.limits.max_prediction_age_s * NS_PER_S else None


def fresh_quote(subject: Subject) -> Reason | None:
    """Refuses without a quote of this symbol, and with one that is too old or has no two sides.

    Its age is since it was asked for: a book that does not change is a quiet market. One that has not changed for very
    long may be an engine that stands still, and where the market is closed no age is young.
    """
    quote = subject.context.quote
    if quote is None or quote.sym != subject.order.sym or not 0 < quote.bid <= quote.ask:
        return Reason.NO_FRESH_QUOTE
    age_ms = subject.now_ms - quote.at_ms
    lag_ms = 0 if quote.book_ms is None else quote.at_ms - quote.book_ms
    own = subject.limits
    too_old = abs(age_ms) > own.quote_max_age_s * MS_PER_S or lag_ms > own.book_max_lag_s * MS_PER_S
    return Reason.NO_FRESH_QUOTE if too_old or not quote.trading else None


def collar(subject: Subject) -> Reason | None:
    """Refuses when the side that the order would meet is too far from the decision price, whichever way."""
    quote, price = subject.context.quote, subject.order.price
    if quote is None:
        return Reason.NO_FRESH_QUOTE
    met = quote.ask if subject.order.signed_qty > 0 else quote.bid
    return Reason.PRICE_COLLAR if abs(met - price) * BPS > subject.limits.collar_bps * price else None


def bound(subject: Subject) -> Reason | None:
    """Refuses what adds at any price while `max_slippage_bps` wants a limit.

    Such an order is that of an older Tickline, or one that crossed a bus on which an older one has still to read.
    """
    return Reason.NO_LIMIT_PRICE if subject.rules.bound and subject.order.limit_price is None else None


def order_notional(subject: Subject) -> Reason | None:
    """Refuses when what the order adds is more than the limit, in quote units."""
    added = subject.exposure.adds.copy_abs() * subject.price
    return Reason.ORDER_NOTIONAL if added > subject.limits.max_order_notional else None


def position_notional(subject: Subject) -> Reason | None:
    """Refuses when the position, with all in flight in the order's direction filled, would be more than the limit."""
    position = subject.exposure.worst.copy_abs() * subject.price
    return Reason.POSITION_NOTIONAL if position > subject.limits.max_position_notional else None


def leverage(subject: Subject) -> Reason | None:
    """Refuses when all positions together would be more than so many times the equity, or it is not known."""
    equity = subject.context.equity
    if equity is None:
        return Reason.EQUITY_UNKNOWN
    return Reason.LEVERAGE if subject.account_notional > subject.limits.max_leverage * equity else None


def capital(subject: Subject) -> Reason | None:
    """Refuses when the books together have more money than their share of the account."""
    equity = subject.context.equity
    if equity is None:
        return Reason.EQUITY_UNKNOWN
    share = subject.limits.max_capital_share * equity
    return Reason.CAPITAL_ABOVE_EQUITY if subject.context.books_balance > share else None


def rate(subject: Subject) -> Reason | None:
    """Refuses when as many orders as the limit were sent within the last 60 s."""
    full = sent(subject.context.limits, subject.now_ms) >= subject.limits.orders_per_minute
    return Reason.ORDERS_PER_MINUTE if full else None


def reconciled(subject: Subject) -> Reason | None:
    """Refuses until journal and venue were compared, and agreed."""
    return None if subject.context.reconciled else Reason.NOT_RECONCILED


class RiskLimit(NamedTuple):
    """A line of the table has a limit's name and function, and how it counts.

    - applies_to_reducing: it stands even against what only reduces our own position.
    - unless_limited: but not where the venue itself limits that to reducing.
    - defers: the order waits instead of being refused.
    - of_book: it counts in paper and replay too; the others need a venue.
    - cancels: what rests at the venue and adds is cancelled while it stands.
    - sizes: it bounds how large a position may become, by whatever way.
    """

    name: str
    violation: Callable[[Subject], Reason | None]
    applies_to_reducing: bool = False
    unless_limited: bool = False
    defers: bool = False
    of_book: bool = False
    cancels: bool = False
    sizes: bool = False


LIMITS = (
    RiskLimit("halt", halt, applies_to_reducing=True, of_book=True, cancels=True),
    RiskLimit("unknown order", unknown_order, applies_to_reducing=True, unless_limited=True, defers=True),
    RiskLimit("older stops", older_stops, unless_limited=True, defers=True),
    RiskLimit("symbols", symbol, of_book=True, cancels=True),
    RiskLimit("reduce_only", reduce_only, of_book=True, cancels=True),
    RiskLimit("meant to reduce", meant_to_reduce, of_book=True),
    RiskLimit("blocked", blocked, cancels=True),
    RiskLimit("latches", latch, of_book=True, cancels=True),
    RiskLimit("daily_loss", daily_loss, of_book=True, cancels=True),
    RiskLimit("max_drawdown", drawdown, of_book=True, cancels=True),
    RiskLimit("armed", armed, cancels=True),
    RiskLimit("max_slippage_bps", bound),
    RiskLimit("max_tick_age_s", tick_age),
    RiskLimit("max_prediction_age_s", prediction_age),
    RiskLimit("fresh quote", fresh_quote),
    RiskLimit("collar_bps", collar),
    RiskLimit("max_order_notional", order_notional, of_book=True),
    RiskLimit("max_position_notional", position_notional, of_book=True, sizes=True),
    RiskLimit("armed notional", armed_notional, sizes=True),
    RiskLimit("max_leverage", leverage, of_book=True, sizes=True),
    RiskLimit("max_capital_share", capital),
    RiskLimit("orders_per_minute", rate),
    RiskLimit("no stop", no_stop, defers=True),
    RiskLimit("loss seen once", seen_once, defers=True, of_book=True),
    RiskLimit("reconciled", reconciled, defers=True, cancels=True),  # last: what would be refused anyway need not wait
)


class RiskCheck(Tick[ProposedOrder, Verdict]):
    """The check returns whether an order may go out. Its memory lies in the journal: it comes with the order's context.

    What only reduces our own position passes every limit but the halt and, where the venue does not itself limit it to
    reducing, an unknown order in its symbol. What adds must pass all. An order that does both (a flip) passes whole or,
    where a limit refuses its addition, is cut to the part that reduces; where a limit only lets it wait, all of it
    waits. Beside an unknown order nothing waits that may go: it would wait for nobody knows how long. Only what would
    let an unknown flip open more than the limits of size allow waits until its end is known. A quantity that is 0 or
    not finite is a ValueError.
    """

    def __init__(self, rules: RiskRules) -> None:
        self.rules = rules
        self._on_paper = rules.mode is Mode.PAPER
        self._limits = tuple(limit for limit in LIMITS if limit.of_book or not self._on_paper)

    def on_tick(self, val: ProposedOrder) -> Verdict:
        """Takes an order and its context."""
        subject, changes = self._subject(val)
        parts, limited = subject.exposure, val.context.limited  # limited: the venue lets reduce-only orders only reduce
        passing = any(order.passing for order in val.context.in_flight)
        for limit in self._limits:
            holds_all = limit.applies_to_reducing and not (limit.unless_limited and limited)
            if not parts.adds and not holds_all:
                continue
            reason = limit.violation(subject)
            if reason is None:
                continue
            # What is left is the first limit that refuses, and what it refuses: all of the order, or what it adds.
            why = measured(reason, subject)
            if limit.defers and (holds_all or passing or not (limit.unless_limited and parts.reduces)):
                return Hold(reason, changes, why)
            if holds_all or not parts.reduces:
                return Refusal(reason, changes, why)
            return self._passed(subject, changes, Pass(parts.reduces, True, reason, (), why))
        return self._passed(subject, changes, Pass(val.signed_qty, not parts.adds, None, ()))

    def stopped(self, val: ProposedOrder) -> tuple[Reason, str] | None:
        """Returns why what is left of an order that rests must not be filled any more, and the number behind it.

        None while it may, and for what only reduces our own position.
        """
        subject, _ = self._subject(val)
        if subject.exposure.adds:
            for limit in self._limits:
                if limit.cancels and (reason := limit.violation(subject)) is not None:
                    return reason, measured(reason, subject)
        return None

    def adds(self, val: ProposedOrder) -> bool:
        """Returns whether it may add exposure."""
        return bool(self._subject(val)[0].exposure.adds)

    def _subject(self, val: ProposedOrder) -> tuple[Subject, Changes]:
        """Returns what the limits look at, and what is to be written because of it."""
        if not val.signed_qty.is_finite() or not val.signed_qty:
            raise ValueError(f"an order's quantity must be finite and not 0, not {val.signed_qty}")
        context, seen = val.context, Watched((), ())
        if context.equity is not None:
            # A book's equity is exact; an account's was observed before, and being asked again is no observation.
            suspected = WATCHED if self._on_paper else ()
            seen = watch(self.rules.limits, context.now_ns, context.equity, context.limits, context.latches, suspected)
        unsure = [one for one in context.in_flight if one.unknown and context.limited]
        parts = exposure(
            val.signed_qty,
            context.position,
            (one.signed_qty for one in context.in_flight if not (one.unknown and context.limited)),
            (one.signed_qty for one in unsure if one.limited),
            (one.signed_qty for one in unsure if not one.limited),
        )
        return Subject(val, context, self.rules, parts, seen.standing, seen.suspected), seen.changes

    def _passed(self, subject: Subject, changes: Changes, passes: Pass) -> Verdict:
        """Returns the order's Pass, with its place in the rate; a Hold where it would let too much be opened."""
        if subject.exposure.lets_open:
            for limit in self._limits:
                if limit.sizes and (reason := limit.violation(subject)) is not None:
                    return Hold(Reason.UNKNOWN_ORDER, changes, f"behind it {measured(reason, subject)}")
        return passes._replace(changes=self._with_rate(subject, changes))

    def _with_rate(self, subject: Subject, changes: Changes) -> Changes:
        """Returns the changes of an order that goes out: it counts against the rate, whatever it does."""
        return changes if self._on_paper else (*changes, one_more(subject.context.limits, subject.now_ms))
