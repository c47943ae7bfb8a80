"""How many coins of an account are the books', while nobody knows what became of an order. Pure."""

from collections.abc import Iterable
from decimal import Decimal

_ZERO = Decimal(0)


def coins_of_books(coins: Decimal, others: Decimal, booked: Decimal, unknown: Iterable[Decimal]) -> Decimal | None:
    """Of what the balance shows: filled or not, the order shows in the same answer, in coins or in cash.

    others: coins that are no book's. booked: what the books hold. unknown: orders that may have been filled, signed.
    None where more is there than all of them together explain: somebody has paid coins in, and what is whose is open.

    >>> known = Decimal(7), Decimal(1), [Decimal(2)]
    >>> coins_of_books(Decimal(8), *known), coins_of_books(Decimal(10), *known)
    (Decimal('1'), Decimal('3'))
    >>> coins_of_books(Decimal(12), *known)
    >>> coins_of_books(Decimal(7), Decimal(7), Decimal(1), [Decimal(-1)])
    Decimal('0')
    """
    low = high = booked
    for qty in unknown:
        low, high = low + min(qty, _ZERO), high + max(qty, _ZERO)
    ours = coins - others
    return None if ours > high else max(ours, low, _ZERO)
