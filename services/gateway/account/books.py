"""What the journal says that a book holds."""

from decimal import Decimal
from typing import NamedTuple

from services.gateway.execution.books import reports_of
from shared.journal.journal import Journal


class Booked(NamedTuple):
    """The position that a book's executions up to number `seq` add up to, in base units."""

    qty: Decimal = Decimal(0)
    seq: int = 0


NOTHING = Booked()


async def booked(journal: Journal, book: str, before: Booked = NOTHING) -> Booked:
    """What a book holds now. before: what was read of it already.

    A long book takes a while: who writes under an epoch of its own reads it before it raises that, and the rest then,
    or the gateway has taken the account back.
    """
    qty, seq = before
    async for report in reports_of(journal, book, seq):
        qty, seq = qty + report.last_qty, report.n
    return Booked(qty, seq)


async def booked_qty(journal: Journal, book: str) -> Decimal:
    """What a book holds, in base units."""
    return (await booked(journal, book)).qty
