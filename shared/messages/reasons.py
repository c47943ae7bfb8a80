"""Every named reason and state, in one place. Values are what a person reads on the stream."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a prediction has no order, or an order no fill."""

    ZERO_PREDICTION = "ZERO_PREDICTION"
    NAN_PREDICTION = "NAN_PREDICTION"
    BELOW_THRESHOLD = "BELOW_THRESHOLD"
    NO_CHANGE = "NO_CHANGE"
    NO_EQUITY = "NO_EQUITY"
    END_OF_DATA = "END_OF_DATA"
    HISTORY = "HISTORY"  # its tick was past the age limit, or of doubtful age


class GapCause(StrEnum):
    """Why something is missing at this place of a stream."""

    MISSED = "MISSED"  # n jumped: entries were lost before they were read
    UNREADABLE = "UNREADABLE"  # an entry could not be decoded; it lies in dead:
    FAILED = "FAILED"  # on_tick raised on an entry; it lies in dead:
    UNFILLED = "UNFILLED"  # the venue's data are missing here and could not be fetched afterwards
    LATE = "LATE"  # what came, or is missing, would or may have changed a tick that was committed


class OrderStatus(StrEnum):
    """The terminal states of an order (FIX OrdStatus words)."""

    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


class Leg(StrEnum):
    """An order's part in its decision."""

    CLOSE = "close"
    OPEN = "open"
    NET = "net"
    # What no decision asked for; only a backtest's venue reports them.
    LIQUIDATION = "liquidation"
    FUNDING = "funding"
