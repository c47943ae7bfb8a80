"""What the venue's balance should be: what the account had beside our books, and what the books have made since.

The account may hold more than the books' capital, so the difference is measured when everything is flat for the first
time, and kept. From then on a deposit, a withdrawal or a fee that nobody booked is a difference; a person who adopts it
has it measured anew. While anything is held or on its way it is not compared: the venue values that at its own price.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from shared.journal.rows import ExternalRow, LimitRow
from shared.messages.codec import pack, unpack
from shared.orders.difference import DifferenceKind

LIMIT = "balance_beside_books"
TOLERANCE = Decimal("0.01")  # quote units: venues round what they show


class Beside(NamedTuple):
    """amount: quote units that are the account's and no book's. measured_ms: when."""

    amount: Decimal
    measured_ms: int

    def row(self) -> LimitRow:
        """As it stands in the journal."""
        return LimitRow(LIMIT, pack([self.amount, self.measured_ms]))


def beside(
    limits: Mapping[str, bytes], adopted: Iterable[ExternalRow], balance: Decimal, books: Decimal, now_ms: int
) -> Beside:
    """What was measured before; measured now where it never was, or where a person has adopted a difference since.

    >>> beside({}, [], Decimal(1_000), Decimal(100), 5)
    Beside(amount=Decimal('900'), measured_ms=5)
    """
    if LIMIT in limits:
        amount, measured_ms = unpack(limits[LIMIT])
        since = [row for row in adopted if row.kind == DifferenceKind.BALANCE and row.at_ms > measured_ms]
        if not since:
            return Beside(amount, measured_ms)
    return Beside(balance - books, now_ms)
