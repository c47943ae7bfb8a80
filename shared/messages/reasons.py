"""Every reason and state has its name here. A person reads the values on the stream."""

from enum import StrEnum


class Reason(StrEnum):
    """A reason says why a prediction has no order, or an order no fill."""

    ZERO_PREDICTION = "ZERO_PREDICTION"
    NAN_PREDICTION = "NAN_PREDICTION"
    NO_PREDICTION = "NO_PREDICTION"  # none at this tick: the window is not full, the model's bar not over, or no model
    BELOW_THRESHOLD = "BELOW_THRESHOLD"
    NO_CHANGE = "NO_CHANGE"
    NO_EQUITY = "NO_EQUITY"
    END_OF_DATA = "END_OF_DATA"
    HISTORY = "HISTORY"  # its tick was past the age limit, or of doubtful age
    SUPERSEDED = "SUPERSEDED"  # a newer prediction came while orders were in flight
    WAITING = "WAITING"  # the prediction waits while orders are in flight; a second decision answers it
    IN_FLIGHT = "IN_FLIGHT"  # what on_tick wanted is not sent, since orders are in flight
    WARMING_UP = "WARMING_UP"  # the strategy has not seen enough ticks yet
    STOPPED = "STOPPED"  # a trailing stop or a take-profit closed the position at this very tick
    COOLING_DOWN = "COOLING_DOWN"  # the position was closed a few ticks ago, and nothing may add yet
    STOPPED_OUT = "STOPPED_OUT"  # its stop closed the position; of a prediction: nothing may add yet (after_stop)
    # An order ended without a full fill.
    PAST_VALID_UNTIL = "PAST_VALID_UNTIL"  # it waited longer than its validity
    CLOSE_NOT_FILLED = "CLOSE_NOT_FILLED"  # the order that had to be filled before it was not
    BEYOND_LIMIT = "BEYOND_LIMIT"  # the market was beyond its limit price; what could be had within it was filled
    ENDED_BY_VENUE = "ENDED_BY_VENUE"  # canceled, expired or rejected there; the status says which
    NOT_ON_VENUE = "NOT_ON_VENUE"  # the venue did not know it when it could no longer arrive
    RESOLVED = "RESOLVED"  # a person decided
    # A stop closed the position, or did not.
    PROFIT_TAKEN = "PROFIT_TAKEN"  # its take-profit fired
    TRAILED_OUT = "TRAILED_OUT"  # its trailing stop fired
    STOP_FAILED = "STOP_FAILED"  # a stop was triggered and the position stayed: closed at market
    STOP_BEYOND = "STOP_BEYOND"  # the market was beyond the stop when it was placed: closed at market
    # The venue has definitely not taken the order.
    ABOVE_MAXIMUM = "ABOVE_MAXIMUM"  # cut to the most that the venue takes in one market order
    BELOW_MINIMUM = "BELOW_MINIMUM"  # less than the venue's least quantity or value, after rounding
    KEY_REFUSED = "KEY_REFUSED"  # the key, its rights, its address or its signature
    NO_MARGIN = "NO_MARGIN"
    DUST = "DUST"  # a close that found less than the venue sells: it counts as flat, what comes after it may go
    NO_SHORT_ON_SPOT = "NO_SHORT_ON_SPOT"  # a short means flat there, and the book is flat
    NOTHING_TO_REDUCE = "NOTHING_TO_REDUCE"
    NOT_SENT = "NOT_SENT"  # it never left this machine
    RATE_LIMITED = "RATE_LIMITED"
    REQUEST_EXPIRED = "REQUEST_EXPIRED"  # its validity was over before the venue had it
    VENUE_REFUSED = "VENUE_REFUSED"  # any other definite error; the text says which

    # The gateway's risk check, in the order of its table.
    HALTED = "HALTED"
    UNKNOWN_ORDER = "UNKNOWN_ORDER"  # an order of this symbol of which nobody knows what became
    STOP_CLEARING = "STOP_CLEARING"  # a stop of the position before is still to be cancelled
    NO_STOP = "NO_STOP"  # the position has no stop that limits its loss, or one is just closing it
    SYMBOL_NOT_ALLOWED = "SYMBOL_NOT_ALLOWED"
    REDUCE_ONLY = "REDUCE_ONLY"
    NOT_REDUCING = "NOT_REDUCING"  # meant to reduce, but it would add
    OTHER_BUS = "OTHER_BUS"
    SYMBOL_STOPPED = "SYMBOL_STOPPED"
    MARKET_CLOSED = "MARKET_CLOSED"  # the venue does not trade it now, or has announced its end
    ACCOUNT_MODES = "ACCOUNT_MODES"  # position mode, margin mode or leverage are not as configured
    CLOCK_SKEW = "CLOCK_SKEW"  # the venue's clock and ours are too far apart
    LATCHED = "LATCHED"
    DAILY_LOSS = "DAILY_LOSS"
    DRAWDOWN = "DRAWDOWN"
    DAILY_FUNDING = "DAILY_FUNDING"
    DRIFT = "DRIFT"  # the monitor has found that the edge is gone
    NOT_ARMED = "NOT_ARMED"
    ARMING_EXPIRED = "ARMING_EXPIRED"
    ARMED_FOR_OTHER_CONFIG = "ARMED_FOR_OTHER_CONFIG"
    ARMED_FOR_OTHER_CODE = "ARMED_FOR_OTHER_CODE"  # the strategy, the model or a file of theirs is another one
    STALE_TICK = "STALE_TICK"
    STALE_PREDICTION = "STALE_PREDICTION"
    NO_FRESH_QUOTE = "NO_FRESH_QUOTE"
    PRICE_COLLAR = "PRICE_COLLAR"
    NO_LIMIT_PRICE = "NO_LIMIT_PRICE"  # it adds, and has no limit, or none that all who take part could read
    ORDER_NOTIONAL = "ORDER_NOTIONAL"
    POSITION_NOTIONAL = "POSITION_NOTIONAL"
    ARMED_NOTIONAL = "ARMED_NOTIONAL"
    EQUITY_UNKNOWN = "EQUITY_UNKNOWN"
    LEVERAGE = "LEVERAGE"
    CAPITAL_ABOVE_EQUITY = "CAPITAL_ABOVE_EQUITY"
    ORDERS_PER_MINUTE = "ORDERS_PER_MINUTE"
    NOT_RECONCILED = "NOT_RECONCILED"


# Of the reasons that each wire brought: what an older reader gets instead. One that it does not know would be damage
# to it, and in an execution would stop its symbol.
_BEFORE_6 = {Reason.NO_STOP: Reason.UNKNOWN_ORDER}
_BEFORE_5 = {
    **_BEFORE_6,
    Reason.BEYOND_LIMIT: Reason.ENDED_BY_VENUE,
    Reason.NO_LIMIT_PRICE: Reason.PRICE_COLLAR,
    Reason.STOPPED_OUT: Reason.STOPPED,
    Reason.PROFIT_TAKEN: Reason.STOPPED,
    Reason.TRAILED_OUT: Reason.STOPPED,
    Reason.STOP_FAILED: Reason.ENDED_BY_VENUE,
    Reason.STOP_BEYOND: Reason.ENDED_BY_VENUE,
    Reason.STOP_CLEARING: Reason.UNKNOWN_ORDER,
}
_BEFORE_4 = {
    **_BEFORE_5,
    Reason.STOPPED_OUT: Reason.NO_CHANGE,
    Reason.PROFIT_TAKEN: Reason.NO_CHANGE,
    Reason.TRAILED_OUT: Reason.NO_CHANGE,
    Reason.NO_PREDICTION: Reason.NAN_PREDICTION,
    Reason.WAITING: Reason.SUPERSEDED,
    Reason.IN_FLIGHT: Reason.NO_CHANGE,
    Reason.WARMING_UP: Reason.NO_CHANGE,
    Reason.STOPPED: Reason.NO_CHANGE,
    Reason.COOLING_DOWN: Reason.NO_CHANGE,
    Reason.ARMED_FOR_OTHER_CODE: Reason.ARMED_FOR_OTHER_CONFIG,
    Reason.DRIFT: Reason.LATCHED,
}


def reason_at(wire: int, reason: Reason | None) -> Reason | None:
    """Returns the reason as a reader of `wire` knows it.

    >>> reason_at(3, Reason.NO_PREDICTION), reason_at(4, Reason.NO_PREDICTION)
    (<Reason.NAN_PREDICTION: 'NAN_PREDICTION'>, <Reason.NO_PREDICTION: 'NO_PREDICTION'>)
    """
    if reason is None or wire >= 6:
        return reason
    return {5: _BEFORE_6, 4: _BEFORE_5}.get(wire, _BEFORE_4).get(reason, reason)


class Origin(StrEnum):
    """An origin says which call of the strategy an order or a decision comes from."""

    TICK = "tick"
    PREDICTION = "prediction"


class GapCause(StrEnum):
    """A cause says why something is missing at this place of a stream."""

    MISSED = "MISSED"  # n jumped: entries were lost before they were read
    UNREADABLE = "UNREADABLE"  # an entry could not be decoded; it lies in dead:
    FAILED = "FAILED"  # on_tick raised on an entry; it lies in dead:
    UNFILLED = "UNFILLED"  # the venue's data are missing here and could not be fetched afterwards
    LATE = "LATE"  # what came, or is missing, would or may have changed a tick that was committed


class OrderType(StrEnum):
    """A type says at which price an order may be filled."""

    MARKET = "MARKET"  # at any
    LIMIT = "LIMIT"  # at its limit price, or at a better one


class TimeInForce(StrEnum):
    """A limit order is at work for so long (FIX's words)."""

    IOC = "IOC"  # at once: what cannot be had then is canceled
    GTC = "GTC"  # until somebody cancels it


class OrderStatus(StrEnum):
    """An order ends in one of these states (FIX OrdStatus words)."""

    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


class OrderPhase(StrEnum):
    """The phase says where an order is in its life; `shared/orders/transitions.py` has the rules."""

    INTENT = "INTENT"  # journaled, not sent
    SENT = "SENT"  # on its way; the answer to the send is still to come
    UNKNOWN = "UNKNOWN"  # nobody knows, so nothing is assumed
    NEW = "NEW"  # open on the venue
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    CANCELING = "CANCELING"  # a cancel was sent; it is open until the venue says otherwise, and may be filled
    TRIGGERED = "TRIGGERED"  # it waited for a price, and has become an order with another id
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


class Leg(StrEnum):
    """A leg is an order's part in its decision."""

    CLOSE = "close"
    OPEN = "open"
    NET = "net"
    # No decision asked for these. A backtest's venue reports the first two, and so does a live gateway.
    LIQUIDATION = "liquidation"  # the exchange closed the position, or a person has booked what it did
    FUNDING = "funding"
    CAPITAL = "capital"  # a person gave the book more money to trade with, or less
    STOP = "stop"  # a stop of the position fired


NO_ORDER = frozenset({Leg.LIQUIDATION, Leg.FUNDING, Leg.CAPITAL})  # what a venue, or a person, does by itself
UNASKED = NO_ORDER | {Leg.STOP}  # no decision asked for these, so there is no chain behind them


def leg_at(wire: int, leg: Leg) -> Leg:
    """Returns the leg as a reader of `wire` knows it: what a stop closed, the exchange closed.

    >>> leg_at(4, Leg.STOP), leg_at(5, Leg.STOP)
    (<Leg.LIQUIDATION: 'liquidation'>, <Leg.STOP: 'stop'>)
    """
    return Leg.LIQUIDATION if leg is Leg.STOP and wire < 5 else leg


class StopKind(StrEnum):
    """A kind says when a stop closes its position."""

    STOP = "stop"  # the price has gone against it
    TAKE_PROFIT = "take_profit"  # the price has gone with it
    TRAIL = "trail"  # the price has come back so far from its best


FIRED = {
    StopKind.STOP: Reason.STOPPED_OUT,
    StopKind.TAKE_PROFIT: Reason.PROFIT_TAKEN,
    StopKind.TRAIL: Reason.TRAILED_OUT,
}  # what its report says when a stop has closed its position
