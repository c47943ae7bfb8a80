"""What the journal says that a book holds."""

from decimal import Decimal

from shared.journal.journal import Journal
from shared.messages import ExecutionReport
from shared.messages.codec import decode

PAGE = 1_000


async def booked_qty(journal: Journal, book: str) -> Decimal:
    """The position that a book's executions add up to, in base units."""
    held, seq = Decimal(0), 0
    while rows := await journal.executions(book, seq, PAGE):
        for row in rows:
            report = decode(ExecutionReport.TAG, row.report)
            assert isinstance(report, ExecutionReport)
            held += report.last_qty
        seq = rows[-1].seq
    return held
