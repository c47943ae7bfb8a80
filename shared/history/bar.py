"""What one row of a price file says."""

from decimal import Decimal
from typing import NamedTuple


class Bar(NamedTuple):
    """One bar, known at `ts_event`, its end, in ns since 1970 UTC. In a file with a price alone all four are that price.

    row: as an editor shows it, the header being row 1.
    """

    ts_event: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    row: int
