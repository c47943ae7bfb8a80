"""The orders that a flatten sends for one symbol, whose each is, and what the journal has of it. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from services.gateway.execution.records import NS_PER_MS
from shared.exchanges.trading.amounts import most_at_once, sized
from shared.exchanges.trading.venue import MarketRules
from shared.journal.rows import EventRow, OrderRow
from shared.messages import Leg
from shared.messages.reasons import OrderPhase, Reason
from shared.orders import OrderRequest

_ZERO = Decimal(0)
MOST_PIECES = 20  # sent in a row before it is looked again


class PositionSeen(NamedTuple):
    """A symbol's position as the venue shows it, as its books have booked it, and what of orders may still be filled.

    - mine: of the position, what a person has called no book's.
    - books: what each of several books has booked; that of the config comes first, and takes what none of them is known
      to hold.
    """

    position: Decimal
    booked: Decimal
    unsettled: tuple[Decimal, ...] = ()
    mine: Decimal = _ZERO
    books: Mapping[str, Decimal] = MappingProxyType({"book": _ZERO})


def own_part(held: PositionSeen) -> Decimal:
    """Returns how much of the venue's position is the book's, as far as that position allows; the rest is not ours.

    >>> own_part(PositionSeen(Decimal(5), Decimal(3))), own_part(PositionSeen(Decimal(5), Decimal(3), (Decimal(4),)))
    (Decimal('3'), Decimal('5'))
    >>> own_part(PositionSeen(Decimal(5), Decimal(-1)))
    Decimal('0')
    >>> own_part(PositionSeen(Decimal(5), Decimal(3), (Decimal(4),), mine=Decimal(2)))
    Decimal('3')
    """
    lowest = held.booked + sum((qty for qty in held.unsettled if qty < 0), _ZERO)
    highest = held.booked + sum((qty for qty in held.unsettled if qty > 0), _ZERO)
    own = min(max(held.position - held.mine, lowest), highest)
    return min(max(own, min(held.position, _ZERO)), max(held.position, _ZERO))


class ClosingOrder(NamedTuple):
    """An order that a flatten sends. book: whose it is, empty for what is not ours. row: the position it closes."""

    signed_qty: Decimal
    book: str = ""
    row: str = ""


def by_book(own: Decimal, books: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Returns what of our position is each book's, all of the position's sign; the first has what is left.

    >>> by_book(Decimal(5), {"a": Decimal(1), "b": Decimal(3), "c": Decimal(-1)})
    {'a': Decimal('2'), 'b': Decimal('3')}
    >>> by_book(Decimal(-2), {"a": Decimal(0), "b": Decimal(-3)})
    {'b': Decimal('-2')}
    """
    left, shares = own, dict.fromkeys(books, _ZERO)
    for book, booked in books.items():
        if booked * own > 0:
            shares[book] = min(booked, left, key=abs)
            left -= shares[book]
    shares[next(iter(books))] += left
    return {book: share for book, share in shares.items() if share}


def closing_orders(held: PositionSeen, rules: MarketRules, price: Decimal) -> list[ClosingOrder]:
    """Returns the orders that close the position, or as much of it as the venue takes; none when it is flat or dust.

    What is more than one order may be goes in pieces. Of a swap all is closed, ours or not: the venue knows one
    position only. On spot what is not ours is somebody's savings, and stays.
    """
    own, first = own_part(held), next(iter(held.books))
    wanted = [ClosingOrder(-share, book) for book, share in by_book(own, held.books).items()]
    if rules.kind == "swap":
        wanted.append(ClosingOrder(own - held.position))
    fits = [ClosingOrder(qty, part.book) for part in wanted for qty in pieces(part.signed_qty, rules, price)]
    if fits:
        return fits
    crumbs = own if rules.kind == "spot" else held.position
    return [ClosingOrder(qty, first) for qty in pieces(-crumbs, rules, price)]  # two may be a piece


def closing_orders_of_row(row: str, qty: Decimal, rules: MarketRules, price: Decimal) -> list[ClosingOrder]:
    """Returns the orders that close one of several positions of a market by itself, since no order closes their sum."""
    return [ClosingOrder(piece, row=row) for piece in pieces(-qty, rules, price)]


def pieces(qty: Decimal, rules: MarketRules, price: Decimal) -> list[Decimal]:
    """Returns the quantity in as few orders as the venue takes, at most MOST_PIECES, without what is dust.

    >>> rules = MarketRules("swap", "", "", "", Decimal(1), Decimal(3), Decimal(10), Decimal(0), Decimal(1), Decimal(1))
    >>> pieces(Decimal(-21), rules, Decimal(5)), pieces(Decimal(2), rules, Decimal(5))
    ([Decimal('-10'), Decimal('-8'), Decimal('-3')], [])
    """
    made: list[Decimal] = []
    left, most, least = qty.copy_abs(), most_at_once(rules, price), max(rules.min_qty, rules.step)
    while left and len(made) < MOST_PIECES:
        piece = left if most is None else min(left, most)
        if 0 < left - piece < least <= piece - least:
            piece = left - least  # else the last one would be too small to be sent
        fit = sized(rules, piece.copy_sign(qty), price, reduce_only=rules.kind == "swap")
        if isinstance(fit, Reason):
            break
        made.append(fit)
        left -= piece
    return made


def last_valid_ms(valid_until_ms: Iterable[int]) -> int:
    """Returns when no request that is on its way can arrive any more; 0 if there is none."""
    return max(valid_until_ms, default=0)


def closing_row(request: OrderRequest, book: str, price: Decimal, epoch: int, now_ms: int) -> OrderRow:
    """Returns the journal's row of a closing order of a book, as SENT."""
    return OrderRow(
        client_order_id=request.client_order_id, book=book, sym=request.sym, tick_n=0,
        tr=f"halt:{request.sym}:{request.at_ms}"[:160], ts_event=now_ms * NS_PER_MS, leg=Leg.CLOSE,
        intended_qty=request.signed_qty, reduce_only=True, price=price,
        valid_until_ns=request.valid_until_ms * NS_PER_MS, after="", content=request.client_order_id, order_n=0,
        state=OrderPhase.SENT, signed_qty=request.signed_qty, at_ms=request.at_ms,
        valid_until_ms=request.valid_until_ms, venue_order_id="", filled_qty=_ZERO, paid=_ZERO, commission=_ZERO,
        reason=None, epoch=epoch, updated_ms=now_ms,
    )  # fmt: skip


def closing_note(request: OrderRequest) -> EventRow:
    """Returns the journal's note of a closing order that is no book's."""
    text = f"closes {-request.signed_qty}{f' in {request.row}' if request.row else ''} that is not ours"
    return EventRow("FLATTEN", request.sym, request.client_order_id, text, request.at_ms)
