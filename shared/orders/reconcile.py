"""Reconciliation compares the venue's account with journal and books. It shows differences and never trades them away.

In what follows `shown` is the account as the venue shows it, `known` as journal and books know it. Orders, fills,
positions, funding and balance are compared one after the other, each by a function of its own.

It tolerates orders in flight. One that was sent and is not over may or may not have been filled, so a position may lie
anywhere between none and all of its quantity, its trades need not be in the journal, and the balance is compared only
after it is over. What is younger than `settle_ms` may not be visible on the venue yet.

Only funding payments are taken over from the venue: nobody asks for them, the venue's list is the only source, and a
payment's id keeps it from being booked twice. A second booking, `ID:sign`, corrects one that was booked with the wrong
sign.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from shared.messages.reasons import OrderPhase
from shared.orders.answers import FundingPayment, VenueFill, VenueOrder, VenuePosition
from shared.orders.state import SHOWN, OrderState


class DifferenceKind(StrEnum):
    """The kind names what differs between the venue's account and journal and books."""

    BALANCE = "BALANCE"
    EXTERNAL_FILL = "EXTERNAL_FILL"  # a trade of an order that is not ours
    EXTERNAL_FUNDING = "EXTERNAL_FUNDING"  # a payment for a symbol that no book trades
    EXTERNAL_ORDER = "EXTERNAL_ORDER"  # an open order that we did not send
    FILL_NOT_SHOWN = "FILL_NOT_SHOWN"  # the journal has a trade that the venue does not show
    FUNDING_MISSING = "FUNDING_MISSING"  # a payment is booked that the venue does not show, or with another amount
    MISSING_FILL = "MISSING_FILL"  # a trade of an order of ours that is over, and the journal lacks it
    ORDER_NOT_OPEN = "ORDER_NOT_OPEN"  # the journal has it as open, the venue's list does not
    ORDER_STILL_OPEN = "ORDER_STILL_OPEN"  # the journal has it as over, the venue as open
    POSITION = "POSITION"
    POSITION_ROWS = "POSITION_ROWS"  # several positions of one market: a hedge, or cross beside isolated


class Difference(NamedTuple):
    """A difference names what the venue's account and journal and books do not agree about.

    - key: the id of the order, trade or payment that it is about, or the symbol.
    - text: for a person.
    - expected, found: what journal and books say, and what the venue shows.
    - trade: the trade that the venue has and the journal lacks.
    """

    kind: DifferenceKind
    key: str
    sym: str
    text: str
    expected: str
    found: str
    trade: VenueFill | None = None


def persistent(before: Iterable[Difference], now: Iterable[Difference]) -> list[Difference]:
    """Returns the differences of this run that the run before had too.

    The reads of a venue happen one after another; a fill between two of them looks like a difference once, not twice.

    >>> gone, new = (Difference(DifferenceKind.POSITION, sym, sym, "", "0", "1") for sym in ("ADAUSDT", "BTCUSDT"))
    >>> [difference.sym for difference in persistent([gone, new], [new])]
    ['BTCUSDT']
    """
    known = {(difference.kind, difference.key) for difference in before}
    return [difference for difference in now if (difference.kind, difference.key) in known]


SIGN = ":sign"  # the end of the id of a booking that sets another's sign right
_ZERO = Decimal(0)
# A person adopts these by changing what is expected.
_AMOUNTS = frozenset({DifferenceKind.BALANCE, DifferenceKind.POSITION, DifferenceKind.POSITION_ROWS})


class VenueView(NamedTuple):
    """The view has the account as the venue shows it.

    - at_ms: when we sent the first of the reads.
    - fills, funding: all since `since_ms`.
    """

    at_ms: int
    since_ms: int
    orders: Sequence[VenueOrder] = ()
    fills: Sequence[VenueFill] = ()
    positions: Sequence[VenuePosition] = ()
    funding: Sequence[FundingPayment] = ()
    balance: Decimal | None = None


class OwnOrder(NamedTuple):
    """An own order is one that the journal has.

    of_stop: a stop has become it. It is at market, so no list of what rests need show it, however long its end is not
    known; whoever follows it says when that lasts.
    """

    sym: str
    state: OrderState
    of_stop: bool = False


class FiringStop(NamedTuple):
    """A stop of ours may have become an order just now, of which nobody here knows the id yet.

    - since_ms: a trade before that is not its order's; the venue's clock.
    - signed_qty: what its order trades, where the exchange has said that it was triggered; 0 while it waits.
    """

    since_ms: int
    signed_qty: Decimal = _ZERO


class OwnView(NamedTuple):
    """The view has the account as journal and books have it.

    - orders: by client_order_id, all that are not over and those that could have traded since `since_ms`.
    - positions: what the books hold of each symbol that one of them trades (0 when flat), and what a person adopted.
    - before: what the books held at the first of the reads, where that is known.
    - balance: what the venue should show; None skips the comparison.
    - funding: the booked payments, by id.
    - adopted: kind and key of the differences that a person has adopted. For position and balance, adopting changes
      what is expected instead.
    - mine: of each symbol, what the account holds that a person has called no book's.
    - stops: ids, ours and the exchange's, of our stops that wait there: they are no orders, and move no position.
    - firing: by symbol, the stops that may be about to become an order.
    """

    orders: Mapping[str, OwnOrder]
    positions: Mapping[str, Decimal]
    fills: Collection[VenueFill] = ()
    funding: Mapping[str, FundingPayment] = {}
    balance: Decimal | None = None
    adopted: Set[tuple[DifferenceKind, str]] = frozenset()
    before: Mapping[str, Decimal] = {}
    mine: Mapping[str, Decimal] = {}
    stops: Set[str] = frozenset()
    firing: Mapping[str, Sequence[FiringStop]] = {}


class Reconciliation(NamedTuple):
    """A comparison results in differences to show, and in payments to book on their symbol's book, oldest first."""

    differences: list[Difference]
    bookings: list[FundingPayment]


def reconcile(shown: VenueView, known: OwnView, settle_ms: int, tolerance: Decimal = _ZERO) -> Reconciliation:
    """Compares the two views. tolerance: quote units by which the balance may differ.

    >>> shown = VenueView(at_ms=9_000, since_ms=0, positions=[VenuePosition("BTCUSDT", Decimal(1), None)])
    >>> reconcile(shown, OwnView({}, {"BTCUSDT": Decimal(0)}), settle_ms=1_000).differences[0].text
    'BTCUSDT: the venue holds 1, the books 0'
    """
    bookings = _bookings(shown, known)
    found = [
        *_orders(shown, known),
        *_fills(shown, known, settle_ms),
        *_positions(shown, known),
        *_funding(shown, known, settle_ms),
        *_balance(shown, known, sum((payment.amount for payment in bookings), _ZERO), tolerance),
    ]
    adopted = known.adopted
    return Reconciliation([d for d in found if d.kind in _AMOUNTS or (d.kind, d.key) not in adopted], bookings)


def _orders(shown: VenueView, known: OwnView) -> Iterator[Difference]:
    client_ids, open_ids = _client_ids(known), set()
    for order in shown.orders:
        if known.stops & {order.report.venue_order_id, order.client_order_id}:
            continue
        client_id = client_ids.get((order.sym, order.report.venue_order_id), "") or order.client_order_id
        difference = _open_order(order, client_id, known.orders.get(client_id))
        if difference is None:
            open_ids.add(client_id)
        else:
            yield difference
    for key, own in known.orders.items():
        if own.state.phase in SHOWN and key not in open_ids and not own.of_stop:
            text = f"{own.sym}: order {key} is {own.state.phase} here, and not among the venue's open orders"
            yield Difference(DifferenceKind.ORDER_NOT_OPEN, key, own.sym, text, own.state.phase, "not open")


def _open_order(order: VenueOrder, client_id: str, own: OwnOrder | None) -> Difference | None:
    """Returns what is wrong about an order that the venue has open; None where it is `own`, and open here, too."""
    sym, venue_id = order.sym, order.report.venue_order_id
    key = client_id or venue_id
    what = f"{sym}: the venue has order {key} open, {order.report.filled_qty} filled"
    if order.waits:  # no order of ours does
        then = " and closes the position then" if order.of_position else ""
        own, what = None, f"{sym}: the venue has order {key}, which waits for a price{then}"
    if own is None or own.state.phase is OrderPhase.INTENT:
        whose = f"it is the venue's own: {order.forced}" if order.forced else "it was not sent here"
        return Difference(DifferenceKind.EXTERNAL_ORDER, key, sym, f"{what}; {whose}", "no order", "open")
    if own.state.venue_order_id and venue_id not in (own.state.venue_order_id, own.state.became):
        text = f"{what}, as {venue_id}; ours of that id is {own.state.venue_order_id}"
        return Difference(DifferenceKind.EXTERNAL_ORDER, venue_id, sym, text, own.state.venue_order_id, venue_id)
    if own.state.ended:
        text = f"{what}; here it ended as {own.state.phase}"
        return Difference(DifferenceKind.ORDER_STILL_OPEN, key, sym, text, own.state.phase, "open")
    return None


def _fills(shown: VenueView, known: OwnView, settle_ms: int) -> Iterator[Difference]:
    journaled = {(fill.sym, fill.trade_id): fill for fill in known.fills}
    on_venue = {(fill.sym, fill.trade_id): fill for fill in shown.fills}
    yield from _fills_not_journaled([fill for place, fill in on_venue.items() if place not in journaled], known)
    for place, fill in journaled.items():
        if place not in on_venue and _visible(fill.at_ms, shown, settle_ms):
            text = f"{_text(fill)} is in the journal, and the venue does not show it"
            key = f"{fill.sym}:{fill.trade_id}"
            yield Difference(DifferenceKind.FILL_NOT_SHOWN, key, fill.sym, text, f"{fill.signed_qty}", "no trade")


def _fills_not_journaled(fills: Iterable[VenueFill], known: OwnView) -> Iterator[Difference]:
    """Yields those that are no order's of ours, or of one that is over; the journal may lack all others for a while."""
    client_ids = _client_ids(known)
    unseen = {own.sym for own in known.orders.values() if own.state.in_flight and not own.state.venue_order_id}
    for fill in fills:
        sym, key = fill.sym, f"{fill.sym}:{fill.trade_id}"
        client_id = client_ids.get((sym, fill.venue_order_id), "") or fill.client_order_id
        own = known.orders.get(client_id)
        if own is None and not client_id and sym in unseen:
            continue  # the venue does not tell whose it is: it may be that order's
        if own is None and not fill.forced and any(fill.at_ms >= one.since_ms for one in known.firing.get(sym, ())):
            continue  # likewise of a stop that has just fired
        if own is None:
            text, qty = external_text(fill), f"{fill.signed_qty}"
            yield Difference(DifferenceKind.EXTERNAL_FILL, key, sym, text, "no trade", qty, fill)
        elif not own.state.in_flight:
            its_order = f"where its order is {own.state.phase} of {own.state.filled_qty}"
            text = f"{_text(fill)} is not in the journal, {its_order}"
            yield Difference(DifferenceKind.MISSING_FILL, key, sym, text, "no trade", f"{fill.signed_qty}", fill)


def _client_ids(known: OwnView) -> dict[tuple[str, str], str]:
    """Maps symbol and venue_order_id to client_order_id, for venues that do not tell the latter everywhere."""
    return {
        (own.sym, id_): key
        for key, own in known.orders.items()
        for id_ in (own.state.venue_order_id, own.state.became)
        if id_
    }


def _positions(shown: VenueView, known: OwnView) -> Iterator[Difference]:
    held = {position.sym: position.signed_qty for position in shown.positions if not position.row}
    apart = {position.sym for position in shown.positions if position.row and position.signed_qty}
    for sym in sorted(apart):
        rows = [f"{row.signed_qty} in {row.row or 'the one traded here'}" for row in shown.positions if row.sym == sym]
        text = f"{sym}: the venue holds {', '.join(rows)}: close what is beside the one-way, isolated position"
        yield Difference(DifferenceKind.POSITION_ROWS, sym, sym, text, "one position", ", ".join(rows))
    in_flight = _in_flight(known.orders.values())
    for sym in sorted(known.positions.keys() | held.keys()):
        mine = known.mine.get(sym, _ZERO)
        booked, found = known.positions.get(sym, _ZERO), held.get(sym, _ZERO) - mine
        before = known.before.get(sym, booked)
        # Between the reads what was booked changed; what is in flight or fires may be filled, in part or not at all.
        low, high = min(booked, before), max(booked, before)
        for qty in (*in_flight.get(sym, ()), *(one.signed_qty for one in known.firing.get(sym, ()))):
            low, high = low + min(qty, _ZERO), high + max(qty, _ZERO)
        if not low <= found <= high:
            expected = f"{booked}" if low == high else f"{low} to {high}"
            beside = f" and {mine}, which a person has called no book's" if mine else ""
            text = f"{sym}: the venue holds {found + mine}, the books {expected}{beside}"
            yield Difference(DifferenceKind.POSITION, sym, sym, text, expected, f"{found}")


def _in_flight(orders: Iterable[OwnOrder]) -> dict[str, list[Decimal]]:
    """Returns by symbol the most that each order in flight may add to the position."""
    found: dict[str, list[Decimal]] = {}
    for own in orders:
        if own.state.in_flight:
            found.setdefault(own.sym, []).append(max(own.state.asked_qty, own.state.filled_qty, key=abs))
    return found


def _bookings(shown: VenueView, known: OwnView) -> list[FundingPayment]:
    """Returns payments of the books' symbols that are shown and not booked, or booked with the wrong sign."""
    new = {payment.payment_id: payment for payment in shown.funding if payment.payment_id not in known.funding}
    turned = [
        payment._replace(payment_id=payment.payment_id + SIGN, amount=2 * payment.amount)
        for payment in shown.funding
        if payment.payment_id in known.funding
        and payment.amount
        and _booked(known, payment.payment_id) == -payment.amount
    ]
    ours = [payment for payment in (*new.values(), *turned) if payment.sym in known.positions]
    return sorted(ours, key=lambda payment: (payment.at_ms, payment.payment_id))


def _booked(known: OwnView, payment_id: str) -> Decimal:
    """Returns the amount of a booked payment, including the correction of its sign."""
    turned = known.funding.get(payment_id + SIGN)
    return known.funding[payment_id].amount + (turned.amount if turned is not None else _ZERO)


def _funding(shown: VenueView, known: OwnView, settle_ms: int) -> Iterator[Difference]:
    on_venue = {payment.payment_id: payment for payment in shown.funding}
    for key, payment in on_venue.items():
        if payment.sym not in known.positions and key not in known.funding:
            text = f"{payment.sym}: funding payment {key} of {payment.amount}, and no book trades this symbol"
            yield Difference(DifferenceKind.EXTERNAL_FUNDING, key, payment.sym, text, "no payment", f"{payment.amount}")
    for key, payment in known.funding.items():
        if key.endswith(SIGN):
            continue
        found, amount = on_venue.get(key), _booked(known, key)
        if found is None and _visible(payment.at_ms, shown, settle_ms):
            text = f"{payment.sym}: funding payment {key} of {payment.amount} is booked, and the venue does not show it"
            yield Difference(DifferenceKind.FUNDING_MISSING, key, payment.sym, text, f"{payment.amount}", "no payment")
        elif found is not None and abs(found.amount) != abs(amount):
            text = f"{payment.sym}: funding payment {key} is booked as {amount}, the venue shows {found.amount}"
            yield Difference(DifferenceKind.FUNDING_MISSING, key, payment.sym, text, f"{amount}", f"{found.amount}")


def _balance(shown: VenueView, known: OwnView, to_book: Decimal, tolerance: Decimal) -> Iterator[Difference]:
    if shown.balance is None or known.balance is None or any(own.state.in_flight for own in known.orders.values()):
        return
    expected = known.balance + to_book
    if abs(shown.balance - expected) > tolerance:
        text = f"the venue's balance is {shown.balance}, the books and their capital make {expected}"
        yield Difference(DifferenceKind.BALANCE, "balance", "", text, f"{expected}", f"{shown.balance}")


def _visible(at_ms: int, shown: VenueView, settle_ms: int) -> bool:
    """Says whether the venue's answer must contain what happened then."""
    return shown.since_ms <= at_ms < shown.at_ms - settle_ms


def external_text(fill: VenueFill) -> str:
    """Describes a trade that is not ours to a person: what it was, what it cost, and whose it is."""
    order = fill.client_order_id or fill.venue_order_id
    fees = ", ".join(f"{amount} {currency}" for currency, amount in fill.fees if amount)
    what = f"{_text(fill)}{f', fee {fees},' if fees else ''}"
    if fill.forced is not None:
        return f"{what} is the venue's own: {fill.forced} (order {order})"
    return f"{what} is of order {order}, which was not sent here"


def _text(fill: VenueFill) -> str:
    return f"{fill.sym}: trade {fill.trade_id} of {fill.signed_qty} at {fill.price}"
