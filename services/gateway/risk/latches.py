"""The names of what stops and stays stopped until a person says otherwise; they stand in the journal."""

from collections.abc import Mapping

from shared.journal.rows import LatchRow, SetBusId
from shared.messages import Reason

# Is this the bus that the account's journal belongs to? Pure.


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


HALT = "HALT"
DAILY_LOSS = "DAILY_LOSS"
DRAWDOWN = "DRAWDOWN"
DAILY_FUNDING = "DAILY_FUNDING"
OTHER_BUS = "OTHER_BUS"
_SYMBOL = "SYMBOL:"

_REASONS = {
    HALT: Reason.HALTED,
    DAILY_LOSS: Reason.DAILY_LOSS,
    DRAWDOWN: Reason.DRAWDOWN,
    DAILY_FUNDING: Reason.DAILY_FUNDING,
    OTHER_BUS: Reason.OTHER_BUS,
}


def symbol_latch(sym: str) -> str:
    """The latch of one symbol: it stops this one only.

    >>> symbol_latch("BTCUSDT")
    'SYMBOL:BTCUSDT'
    """
    return f"{_SYMBOL}{sym}"


def latched(sym: str, latches: Mapping[str, LatchRow]) -> Reason | None:
    """What stops `sym`, the halt apart. A latch of an unknown name stops everything."""
    for name in latches:
        if name.startswith(_SYMBOL):
            if name == symbol_latch(sym):
                return Reason.SYMBOL_STOPPED
        elif name != HALT:
            return _REASONS.get(name, Reason.LATCHED)
    return None
