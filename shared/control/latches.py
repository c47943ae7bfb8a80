"""Latches: what stops an account, or one of its symbols, until a person lifts it by name. They stand in its journal."""

from collections.abc import Mapping

from shared.journal.rows import LatchRow, SetBusId
from shared.messages import Reason

HALT = "HALT"
DAILY_LOSS = "DAILY_LOSS"
DRAWDOWN = "DRAWDOWN"
DAILY_FUNDING = "DAILY_FUNDING"
OTHER_BUS = "OTHER_BUS"
_SYMBOL = "SYMBOL:"

# An epoch whose owner begins with this is cancelling and closing: a gateway leaves the account to it.
AT_WORK = "halt"

_REASONS = {
    HALT: Reason.HALTED,
    DAILY_LOSS: Reason.DAILY_LOSS,
    DRAWDOWN: Reason.DRAWDOWN,
    DAILY_FUNDING: Reason.DAILY_FUNDING,
    OTHER_BUS: Reason.OTHER_BUS,
}


def symbol_latch(sym: str) -> str:
    """Returns the name of the latch that stops this symbol only.

    >>> symbol_latch("BTCUSDT")
    'SYMBOL:BTCUSDT'
    """
    return f"{_SYMBOL}{sym}"


def latched(sym: str, latches: Mapping[str, LatchRow]) -> Reason | None:
    """Returns why `sym` is stopped, the halt apart; None if it is not. A latch of an unknown name stops everything."""
    for name in latches:
        if name.startswith(_SYMBOL):
            if name == symbol_latch(sym):
                return Reason.SYMBOL_STOPPED
        elif name != HALT:
            return _REASONS.get(name, Reason.LATCHED)
    return None


def bus_changes(known: str | None, present: str, now_ms: int) -> tuple[SetBusId | LatchRow, ...]:
    """Returns what a gateway writes when it attaches to a bus. known: the bus of the journal, None before the first.

    Another bus may have lost what it knew of orders, or may be another line's: its latch stops all that adds exposure
    until `tickline adopt`.

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
