"""The names of what stops and stays stopped until a person says otherwise; they stand in the journal."""

from collections.abc import Mapping

from shared.journal.rows import LatchRow
from shared.messages import Reason

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
