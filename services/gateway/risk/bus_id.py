"""Is this the bus that the account's journal belongs to? Pure."""

from services.gateway.risk.latches import OTHER_BUS
from shared.journal.rows import LatchRow, SetBusId


def bus_changes(known: str | None, present: str, now_ms: int) -> tuple[SetBusId | LatchRow, ...]:
    """What a gateway writes when it attaches. known: the bus of the journal, None before the first.

    Another bus may have lost what it knew of orders, or may be another line's: nothing is added until `tickline adopt`.

    >>> bus_changes(None, "b1", 5), bus_changes("b1", "b1", 5)
    ((SetBusId(bus_id='b1'),), ())
    >>> bus_changes("b1", "b2", 5)[0].name
    'OTHER_BUS'
    """
    if known is None:
        return (SetBusId(present),)
    if known == present:
        return ()
    return (LatchRow(OTHER_BUS, f"bus {present[:12]} instead of {known[:12]}", "gateway", now_ms),)
