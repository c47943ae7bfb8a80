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


class GapCause(StrEnum):
    """Why something is missing at this place of a stream."""

    MISSED = "MISSED"  # n jumped: entries were lost before they were read
    UNREADABLE = "UNREADABLE"  # an entry could not be decoded; it lies in dead:
    FAILED = "FAILED"  # on_tick raised on an entry; it lies in dead:


class OrderStatus(StrEnum):
    """The terminal states of an order (FIX OrdStatus words)."""

    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


class OrderState(StrEnum):
    """Where an order is in its life; `shared/orders/life.py` has the rules."""

    INTENT = "INTENT"  # journaled, not sent
    SENT = "SENT"  # on its way; the answer to the send is still to come
    UNKNOWN = "UNKNOWN"  # nobody knows, so nothing is assumed
    NEW = "NEW"  # open on the venue
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
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
