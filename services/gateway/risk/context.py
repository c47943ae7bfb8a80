"""The risk context gathers what the risk check is to know: journal, books, open orders, quotes, clock."""

import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal

from services.gateway.execution.records import OpenOrder
from services.gateway.risk.check import Changes, Context, Hold, InFlight, ProposedOrder, Refusal, Verdict
from services.gateway.risk.limits import RiskCheck
from services.gateway.risk.marks import watch, watch_funding
from shared.control.books import EXACT, Books
from shared.journal.rows import ArmingRow, FundingRow, LatchRow, LimitRow, OrderRow
from shared.messages.reasons import OrderPhase, Reason
from shared.orders import VenueQuote

_ZERO = Decimal(0)
NS_PER_S = 1_000_000_000


class RiskContext:
    """The context judges orders by all that the session knows, which the session keeps up to date here.

    - limits, latches, arming: as they stand in the journal.
    - quotes: the venue's newest, by symbol; `see_quotes` takes them.
    - reconciled: journal and venue agreed when they were last compared.
    - differences: so many were found then, and before.
    - blocked: why nothing is added in any symbol, and why_blocked in words; stopped: symbols in which nothing is added,
      by reason, and why.
    - open_orders: of each symbol that has any, by client order id.
    - left: orders in flight of books that are traded no more, by symbol: nobody follows them here, and they count.
    - heard_ms: when the venue answered something last, by our clock; 0 before the first answer.
    - limits_reducing: says of a symbol whether the venue itself lets a reduce-only order only reduce.
    - clearing: says of a symbol whether a stop of an older position is still there; exposed: whether no stop limits the
      loss of what it holds, or one is just closing it.
    - ready: whether venue and clock have been looked at since the session began; before that nothing is refused for
      want of knowledge, it waits.
    """

    def __init__(
        self,
        check: RiskCheck,
        books: Books,
        open_orders: Mapping[str, Mapping[str, OpenOrder]],
        equity_max_age_s: float,
        limits_reducing: Callable[[str], bool] = lambda _: False,
        clearing: Callable[[str], bool] = lambda _: False,
        exposed: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.limits: dict[str, bytes] = {}
        self.latches: dict[str, LatchRow] = {}
        self._unwritten: dict[str, LatchRow] = {}
        self.arming: ArmingRow | None = None
        self.quotes: dict[str, VenueQuote] = {}
        self.reconciled = False
        self.differences = 0
        self.blocked: tuple[Reason, ...] = ()
        self.why_blocked = ""
        self.stopped: dict[tuple[str, Reason], str] = {}
        self.left: Mapping[str, Sequence[OpenOrder]] = {}
        self.heard_ms = 0
        self.ready = False
        self._check = check
        self._books = books
        self._open_orders = open_orders
        self._equity: tuple[Decimal, float] | None = None  # and when it was seen, by the monotonic clock
        self._suspected: tuple[str, ...] = ()
        self._equity_max_age_s = equity_max_age_s
        self._limits_reducing = limits_reducing
        self._clearing, self._exposed = clearing, exposed
        self._prices: dict[str, Decimal] = {}  # at which other symbols' positions count: what was last told
        self._at_rest: dict[str, Decimal] = {}  # by symbol: what its position is worth, but for its open orders
        self._all_at_rest = _ZERO

    def see_quotes(self, quotes: Mapping[str, VenueQuote]) -> None:
        """Takes the venue's newest quotes. A side without orders is no price: until it has some its last one counts."""
        self.quotes |= quotes
        for sym, quote in quotes.items():
            last = _ZERO if quote.ask > 0 else self._prices.get(sym, _ZERO)
            self._prices[sym] = max(quote.bid, quote.ask, last)
        self._books.moved.update(quotes)

    def see_equity(self, equity: Decimal) -> Changes:
        """Takes the account's equity, as the venue told it just now; returns what is to be written for it."""
        self._equity = equity, time.monotonic()
        seen = watch(self._check.rules.limits, time.time_ns(), equity, self.limits, self.latches, self._suspected)
        self._suspected = seen.suspected
        self.remember(seen.changes)
        return seen.changes

    def see_funding(self, payments: Iterable[FundingRow]) -> Changes:
        """Takes the payments since `counted_from_ms`, as they are booked; returns what is to be written for them.

        A latch among it counts at once.
        """
        changes = watch_funding(
            self._check.rules.limits.daily_funding, time.time_ns(), payments, self.limits, self.latches
        )
        self.remember(changes)
        self.set_latches([row for row in changes if isinstance(row, LatchRow)])
        return changes

    def set_latches(self, latches: Iterable[LatchRow]) -> None:
        """Lets latches count at once; `latches_written` says when the journal has them."""
        new = {latch.name: latch for latch in latches}
        self.latches, self._unwritten = self.latches | new, self._unwritten | new

    def latches_written(self, latches: Iterable[LatchRow]) -> None:
        """Takes that the journal has latches that were set here: from now on one that is not found there was lifted."""
        written = {latch.name for latch in latches}
        self._unwritten = {name: latch for name, latch in self._unwritten.items() if name not in written}

    async def read_latches(self, read: Callable[[], Awaitable[dict[str, LatchRow]]]) -> None:
        """Takes the latches as `read` finds them in the journal, and those that it cannot have found yet."""
        while True:
            before, unwritten = self.latches, self._unwritten
            found = await read()
            if self.latches is before:  # else one was set meanwhile, and may be written by now
                self.latches = found | unwritten
                return

    @property
    def doubtful(self) -> bool:
        """Returns whether the equity was past a limit once: the next observation decides."""
        return bool(self._suspected)

    def judge(self, row: OrderRow) -> Verdict:
        """Returns whether this order may go now. All other open orders count."""
        verdict = self._check.on_tick(self._proposed(row, row.intended_qty, _ZERO))
        if isinstance(verdict, Refusal):
            verdict = verdict._replace(why=self._why(row.sym, verdict.reason, verdict.why))
            if not self.ready:
                return Hold(*verdict)
        return verdict

    def joins(self, row: OrderRow) -> bool:
        """Returns whether the order would add to a position that is held now."""
        return self._known(row, _ZERO).joined_by(row.intended_qty)

    def joins_exposed(self, row: OrderRow) -> bool:
        """Returns whether it would add to one of which no stop limits the loss, or that one is just closing."""
        return self._exposed(row.sym) and self.joins(row)

    def stops(self, order: OpenOrder) -> tuple[Reason, str] | None:
        """Returns why an order that is open at the venue must not add any more, in words too; None while it may."""
        state = order.state
        left = state.asked_qty - state.filled_qty
        if not self.ready or not left:
            return None
        found = self._check.stopped(self._proposed(order.row, left, state.filled_qty))
        return None if found is None else (found[0], self._why(order.row.sym, *found))

    def adds(self, order: OpenOrder) -> bool:
        """Returns whether what is left of an order that is open at the venue may add exposure."""
        state = order.state
        left = state.asked_qty - state.filled_qty
        return bool(left) and self._check.adds(self._proposed(order.row, left, state.filled_qty))

    def _proposed(self, row: OrderRow, qty: Decimal, filled: Decimal) -> ProposedOrder:
        """filled: of the order itself, and not booked yet."""
        known = self._known(row, filled)
        return ProposedOrder(row.sym, qty, row.price, row.reduce_only, row.ts_event, known, row.by, row.limit_price)

    def _why(self, sym: str, reason: Reason, why: str) -> str:
        return self.why_blocked if reason in self.blocked else self.stopped.get((sym, reason), why)

    def free(self, row: OrderRow) -> Decimal:
        """Returns what of the book's position in the order's symbol no other in flight may still sell; 0 if nothing."""
        others = (order.state for order in self._others(row) if order.state.in_flight)
        free = self._books.position(row.sym) + sum((min(state.asked_qty, _ZERO) for state in others), _ZERO)
        return max(free, _ZERO)

    def remember(self, changes: Changes) -> None:
        """Takes the limits that a verdict changes; they go into the journal in the same step.

        A latch counts as set by the limit that set it, until it is read from the journal: only then can its being gone
        mean that a person has dropped it.
        """
        self.limits |= {change.name: change.value for change in changes if isinstance(change, LimitRow)}

    def _known(self, row: OrderRow, filled: Decimal) -> Context:
        others = self._others(row)
        return Context(
            now_ns=time.time_ns(), position=self._books.position(row.sym) + filled + _filled(others),
            limited=self._limits_reducing(row.sym), in_flight=tuple(_in_flight(others)),
            other_notional=self._other_notional(row.sym), equity=self.equity,
            books_balance=self._books.balance(), limits=self.limits, latches=self.latches, arming=self.arming,
            quote=self.quotes.get(row.sym), reconciled=self.reconciled, clearing=self._clearing(row.sym),
            exposed=self._exposed(row.sym), dust=self._books.dust(row.sym),
            blocked=(*self.blocked, *(reason for sym, reason in self.stopped if sym == row.sym)),
        )  # fmt: skip

    def _of(self, sym: str) -> Mapping[str, OpenOrder]:
        return self._open_orders.get(sym, {})

    def _others(self, row: OrderRow) -> list[OpenOrder]:
        return [order for name, order in self._of(row.sym).items() if name != row.client_order_id]

    @property
    def equity(self) -> Decimal | None:
        """Returns what the account is worth; None while that is not known."""
        if self._equity is None or time.monotonic() - self._equity[1] > self._equity_max_age_s:
            return None
        return self._equity[0]

    def _other_notional(self, sym: str) -> Decimal:
        """Returns what all other symbols' positions are worth with their orders in flight filled, at the worst.

        Only symbols with open orders are looked at, and those whose book or quote is another than at the last time: the
        sum of all others is kept.
        """
        self._value_at_rest()
        total = EXACT.subtract(self._all_at_rest, self._at_rest.get(sym, _ZERO))
        for other, orders in self._open_orders.items():
            if other != sym and other in self._at_rest:
                worst = self._at_worst(other, self._books.position(other), orders.values())
                total = EXACT.add(EXACT.subtract(total, self._at_rest[other]), worst)
        gone = self._books.others()
        for other in gone.keys() | self.left.keys():
            total = EXACT.add(total, self._at_worst(other, gone.get(other, _ZERO), self.left.get(other, ())))
        return +total

    def _value_at_rest(self) -> None:
        """Values the positions anew whose book or quote has moved, as if they had no open orders."""
        for sym in self._books.moved:
            if sym in self._books:
                held, before = abs(self._books.position(sym)), self._at_rest.get(sym)
                now = held * self._price(sym) if held else _ZERO
                if now != before:
                    self._at_rest[sym] = now
                    self._all_at_rest = EXACT.add(EXACT.subtract(self._all_at_rest, before or _ZERO), now)
        self._books.moved.clear()

    def _at_worst(self, sym: str, position: Decimal, orders: Collection[OpenOrder]) -> Decimal:
        """Returns what a symbol's position is worth with all of its open orders filled, or not, whichever is worse."""
        low = high = position + _filled(orders)
        price = self._price(sym)
        for order in orders:
            price = max(price, order.row.price, order.row.limit_price or _ZERO)
            for part in _in_flight([order]):
                low, high = low + min(part.signed_qty, _ZERO), high + max(part.signed_qty, _ZERO)
        return max(abs(low), abs(high)) * price

    def _price(self, sym: str) -> Decimal:
        """Returns the price that was told last; where none was, what was paid: a position is never worth nothing."""
        return self._prices.get(sym) or self._books.paid_for(sym)


def _filled(orders: Iterable[OpenOrder]) -> Decimal:
    """Returns what is known to be filled of orders in flight: the books have it when they are over."""
    return sum((order.state.filled_qty for order in orders if order.state.in_flight), _ZERO)


def _in_flight(orders: Iterable[OpenOrder]) -> Iterable[InFlight]:
    for order in orders:
        state = order.state
        if state.in_flight:
            unknown = state.phase is OrderPhase.UNKNOWN
            left = state.asked_qty - state.filled_qty
            passing = not (unknown or order.rests)
            yield InFlight(left, unknown, passing, order.only_reduces, order.row.limit_price or _ZERO)
