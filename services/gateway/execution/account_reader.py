"""The venue is asked about the account: all of it, round by round, and one order of it.

The cost of a round grows little with the number of markets. Open orders, positions and funding payments take one
question each, or as many as are cheaper. Trades do where the venue has them all in one list; where it must be asked
symbol by symbol, a round asks for those that matter now, and for some of the others in turn.

Of one order it is asked what has become of it, to cancel it, and for its trades. None of this changes anything here:
what the venue says is an event, which `shared/orders` understands.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import structlog

from services.gateway.execution.records import OrderTrades, base_held
from shared.errors import VenueError
from shared.exchanges.trading.venue import NoPrice, Venue
from shared.messages.reasons import OrderPhase
from shared.orders import (
    Absent,
    Ambiguous,
    Answer,
    CancelAccepted,
    Event,
    OrderState,
    OrderStatusReport,
    Refused,
    VenueFill,
)
from shared.orders.fees import paid_in, third_currencies
from shared.orders.reconcile import VenueView

log = structlog.get_logger()

CLOCK_ERROR_MS = 60_000  # our idea of the venue's clock is not exact: its trade may seem older than our request
TRADES_A_ROUND = 10  # symbols whose trades a round asks for where they are asked for one by one
NEVER = -1


class Read(NamedTuple):
    """A round shows the account as the venue has it, and tells the symbols whose trades are in it (`traded`)."""

    shown: VenueView
    traded: frozenset[str]


class AccountReader:
    """The reader reads the account round by round; syms: all symbols that are traded."""

    def __init__(self, venue: Venue, syms: Sequence[str]) -> None:
        self._venue = venue
        self._syms = tuple(syms)
        self._round = 0
        self._asked: dict[str, int] = dict.fromkeys(syms, NEVER)
        self._open: frozenset[str] = frozenset()

    async def read(self, at_ms: int, since_ms: int, urgent: Collection[str]) -> Read:
        """Returns one round; raises VenueError where something is not answered. What changes fastest is asked last.

        - at_ms: the venue's clock now; since_ms: how far back trades and payments are asked for.
        - urgent: symbols whose trades must be among it, beside those that had open orders in the round before. The
          first round has the trades of all symbols.
        """
        venue, syms = self._venue, self._syms
        if not venue.fills_at_once and self._round:
            syms = due(self._asked, self._open.union(urgent), TRADES_A_ROUND)
        if not venue.fills_at_once:
            syms = tuple(sym for sym in syms if sym not in venue.gone)
        funding = await venue.funding(since_ms)
        fills = await venue.all_fills(syms, since_ms)
        waiting = await venue.waiting_orders()
        positions = await venue.positions()  # between two heavy questions, so that quotes come in between
        orders = [*waiting, *await venue.all_open_orders()]
        self._round += 1
        self._asked |= dict.fromkeys(syms, self._round)
        self._open = frozenset(order.sym for order in orders)
        return Read(VenueView(at_ms, since_ms, orders, fills, positions, funding), frozenset(syms))


def due(asked: Mapping[str, int], urgent: Collection[str], most: int) -> tuple[str, ...]:
    """Returns the urgent ones, whatever their number, and then those that were not asked for longest, `most` in all.

    asked: when each was asked for.

    >>> due({"A": 3, "B": 1, "C": 2, "D": 4}, ["D"], 2)
    ('D', 'B')
    """
    first = [sym for sym in asked if sym in urgent]
    others = sorted((sym for sym in asked if sym not in urgent), key=lambda sym: asked[sym])
    return tuple(first + others[: max(most - len(first), 1)])


def event_of(venue: Venue, answer: OrderStatusReport | Refused | Ambiguous | Absent, asked_ms: int) -> Event:
    """Returns what the venue has just said, with the times of it. asked_ms: when it was asked, by its clock."""
    return Answer(asked_ms, answer, venue.now_ms()) if isinstance(answer, OrderStatusReport) else answer


async def look_up(venue: Venue, sym: str, name: str, state: OrderState, *, of_stop: bool = False) -> Event:
    """Looks an order up by its client id. What the venue has forgotten after a cancel is known by its trades.

    of_stop: a stop has become this order, so the venue knows it by its own id only.
    """
    asked_ms = venue.now_ms()
    if of_stop:
        return event_of(venue, await venue.stops.order(sym, state.became, state.asked_qty), asked_ms)
    event = event_of(venue, await venue.find(sym, name, state.at_ms), asked_ms)
    if isinstance(event, Absent) and (state.canceled_ms or state.phase is OrderPhase.CANCELING):
        fills = await _fills_of(venue, sym, state)
        if fills is not None:
            traded = sum((fill.signed_qty for fill in fills), Decimal(0))
            paid = sum((abs(fill.signed_qty) * fill.price for fill in fills), Decimal(0))
            return event._replace(traded_qty=traded, paid=paid, heard_ms=venue.now_ms())
    return event


async def ask_cancel(venue: Venue, sym: str, name: str, state: OrderState) -> CancelAccepted | None:
    """Asks for a cancel; None where the venue has not taken it, e.g. since the order was over: that is looked up."""
    asked_ms = venue.now_ms()
    answer = await venue.cancel(sym, name, state.venue_order_id)
    if answer is not None:
        why = answer.cause if isinstance(answer, Ambiguous) else "it is not open"
        log.info("not cancelled", sym=sym, order=name, why=why)
        return None
    return CancelAccepted(asked_ms, venue.now_ms())


async def _fills_of(venue: Venue, sym: str, state: OrderState) -> tuple[VenueFill, ...] | None:
    """Returns the trades of the order, or of the one that it has become.

    None where the venue does not answer, or where no id of it is known by which they could be found.
    """
    ids = {state.venue_order_id, state.became} - {""}
    if not ids:
        return None
    try:
        rows = await venue.fills(sym, state.at_ms - CLOCK_ERROR_MS)
    except VenueError as error:
        log.warning("trades cannot be read", sym=sym, why=str(error))
        return None
    return tuple(fill for fill in rows if fill.venue_order_id in ids)


async def trades_of(venue: Venue, sym: str, state: OrderState, *, last: bool = False) -> OrderTrades:
    """Returns the order's trades as far as the venue has them now, which it is asked for.

    last: no price is waited for any more; a fee that has none counts as worthless.
    """
    if not state.filled_qty:
        return OrderTrades()
    fills = await _fills_of(venue, sym, state) or ()
    rules = venue.rules(sym)
    prices, unpriced, worthless = dict[str, Decimal](), [], dict[str, Decimal]()
    for currency in sorted(third_currencies(fills, rules.quote, base_held(rules))):
        try:
            prices[currency] = await venue.price(currency, rules.quote)
        except VenueError as error:
            log.warning("a fee has no price", sym=sym, currency=currency, why=str(error))
            if last or isinstance(error, NoPrice):
                prices[currency], worthless[currency] = Decimal(0), paid_in(currency, fills)
            else:
                unpriced.append(currency)
    return OrderTrades(fills, prices, tuple(unpriced), worthless)
