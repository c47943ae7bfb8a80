"""What the journal says that a book holds."""

from decimal import Decimal

from services.gateway.desk.books import reports_of
from shared.journal.journal import Journal


async def booked_qty(journal: Journal, book: str) -> Decimal:
    """The position that a book's executions add up to, in base units."""
    held = Decimal(0)
    async for report in reports_of(journal, book):
        held += report.last_qty
    return held
