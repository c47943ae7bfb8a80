"""What each reason, cause, status, phase, leg and origin means, as one clause for a person. Every member has its line.

A clause stands behind the member's name: `NO_CHANGE: the position is already what the rule aims at`. The numbers are of
the case and come from whoever tells it (`decisions.py`, `executions.py`).
"""

from collections.abc import Mapping

from shared.messages.reasons import GapCause, Leg, OrderPhase, OrderStatus, Origin, Reason

REASONS: Mapping[Reason, str] = {
    # Why a prediction has no order.
    Reason.ZERO_PREDICTION: "y_hat is exactly 0, which is no direction",
    Reason.NAN_PREDICTION: "y_hat is no number, and nobody trades that",
    Reason.NO_PREDICTION: "there is no y_hat at this tick, and the rule needs one",
    Reason.BELOW_THRESHOLD: "y_hat is too small for the rule to trade on",
    Reason.NO_CHANGE: "the position is already what the rule aims at",
    Reason.NO_EQUITY: "the book has no money left to trade with",
    Reason.END_OF_DATA: "the data ended before the order could be filled",
    Reason.HISTORY: "the tick was history when it came: features warm by it, nobody trades on it",
    Reason.SUPERSEDED: "a newer message took its place while it waited",
    Reason.WAITING: "orders were in flight, so the prediction waited; a later decision answers it",
    Reason.IN_FLIGHT: "orders were in flight, so what the rule wanted at this tick was not sent",
    Reason.WARMING_UP: "the rule has not seen enough ticks yet",
    Reason.STOPPED: "an exit closed the position at this very tick, so nothing enters again at its price",
    Reason.COOLING_DOWN: "the position was closed a few ticks ago, and nothing may add yet",
    Reason.STOPPED_OUT: "a stop of the position has closed it",
    # Why an order has no full fill.
    Reason.PAST_VALID_UNTIL: "it waited longer than its validity and was never sent",
    Reason.CLOSE_NOT_FILLED: "the order that had to close the position before it was not filled",
    Reason.BEYOND_LIMIT: "the market was beyond its limit price, and what could not be had within it was canceled",
    Reason.ENDED_BY_VENUE: "the exchange ended it short of its quantity",
    Reason.NOT_ON_VENUE: "the exchange did not know it when it could no longer arrive",
    Reason.RESOLVED: "a person said how it ended",
    Reason.PROFIT_TAKEN: "its take-profit fired",
    Reason.TRAILED_OUT: "its trailing stop fired",
    Reason.STOP_FAILED: "its stop was triggered and did not close it, so it was closed at market",
    Reason.STOP_BEYOND: "the market was beyond its stop before that was placed, so it was closed at market",
    Reason.ABOVE_MAXIMUM: "it was cut to the most that the exchange takes in one market order",
    Reason.BELOW_MINIMUM: "it is less than the least that the exchange takes",
    Reason.KEY_REFUSED: "the exchange refused the key, its rights, its address or its signature",
    Reason.NO_MARGIN: "the account has too little free money for it",
    Reason.DUST: "what is left is less than the exchange sells: it counts as flat",
    Reason.NO_SHORT_ON_SPOT: "a short means flat on spot, and nothing was held",
    Reason.NOTHING_TO_REDUCE: "the exchange found no position that it could reduce",
    Reason.NOT_SENT: "it never left this machine",
    Reason.RATE_LIMITED: "the exchange takes no more requests for now",
    Reason.REQUEST_EXPIRED: "the request's validity was over before the exchange had it",
    Reason.VENUE_REFUSED: "the exchange refused it",
    # The gateway's risk check.
    Reason.HALTED: "a person has halted the account",
    Reason.UNKNOWN_ORDER: "nobody knows what became of an order in this symbol, and the next would stand on a guess",
    Reason.STOP_CLEARING: "a stop of the position before was still at the exchange, and was being cancelled",
    Reason.NO_STOP: "the position had no stop that limits its loss, or one was just closing it",
    Reason.SYMBOL_NOT_ALLOWED: "the symbol is not among those that may add exposure",
    Reason.REDUCE_ONLY: "positions may only shrink",
    Reason.NOT_REDUCING: "it was meant to reduce, and would have added",
    Reason.OTHER_BUS: "the account belongs to another bus, until a person adopts this one",
    Reason.SYMBOL_STOPPED: "the symbol is stopped until a person has looked",
    Reason.MARKET_CLOSED: "the exchange does not trade the market now, or has announced its end",
    Reason.ACCOUNT_MODES: "position mode, margin mode or leverage are not as configured",
    Reason.CLOCK_SKEW: "the exchange's clock and ours are too far apart",
    Reason.LATCHED: "a latch holds the account until a person lifts it",
    Reason.DAILY_LOSS: "the equity has fallen by the day's limit",
    Reason.DRAWDOWN: "the equity has fallen by the limit from its highest",
    Reason.DAILY_FUNDING: "the day's funding has reached its limit",
    Reason.DRIFT: "the monitor has found that the edge is gone, until a person resumes",
    Reason.NOT_ARMED: "no person has armed the account",
    Reason.ARMING_EXPIRED: "the arming was for another time",
    Reason.ARMED_FOR_OTHER_CONFIG: "the arming was for another config",
    Reason.ARMED_FOR_OTHER_CODE: "the arming was for another strategy, model or code of theirs",
    Reason.STALE_TICK: "the tick behind it was too old, or of a wrong clock",
    Reason.STALE_PREDICTION: "the prediction behind it was too old",
    Reason.NO_FRESH_QUOTE: "there was no fresh quote of both sides to hold it against",
    Reason.PRICE_COLLAR: "the market had moved too far from the decision's price",
    Reason.NO_LIMIT_PRICE: "it would add at any price: an older Tickline takes part, or did so minutes ago",
    Reason.ORDER_NOTIONAL: "what it would add is worth more than one order may",
    Reason.POSITION_NOTIONAL: "the position would be worth more than one may",
    Reason.ARMED_NOTIONAL: "all positions together would be worth more than was armed",
    Reason.EQUITY_UNKNOWN: "the account's equity is not known, or too old",
    Reason.LEVERAGE: "all positions together would be too many times the equity",
    Reason.CAPITAL_ABOVE_EQUITY: "the books have more money together than their share of the account",
    Reason.ORDERS_PER_MINUTE: "as many orders as are allowed had just gone out",
    Reason.NOT_RECONCILED: "journal and exchange did not agree, or had not been compared",
}

GAPS: Mapping[GapCause, str] = {
    GapCause.MISSED: "entries were lost before they were read",
    GapCause.UNREADABLE: "an entry could not be decoded; it lies among the dead letters",
    GapCause.FAILED: "the stage raised an error on an entry; it lies among the dead letters",
    GapCause.UNFILLED: "data are missing and could not be had afterwards, or the model's windows began anew",
    GapCause.LATE: "data came, or went missing, that would have changed a tick which was out already",
}

STATUSES: Mapping[OrderStatus, str] = {
    OrderStatus.FILLED: "it was filled",
    OrderStatus.CANCELED: "it was canceled",
    OrderStatus.REJECTED: "it was refused",
    OrderStatus.EXPIRED: "it expired",
}

PHASES: Mapping[OrderPhase, str] = {
    OrderPhase.INTENT: "it stands in the journal and was not sent yet",
    OrderPhase.SENT: "it was sent, and the exchange has not answered yet",
    OrderPhase.UNKNOWN: "it was sent, and nobody knows what became of it: it counts as filled and as not",
    OrderPhase.NEW: "it lies open at the exchange",
    OrderPhase.PARTIALLY_FILLED: "it lies open at the exchange, filled in part",
    OrderPhase.CANCELING: "it lies open at the exchange, and a cancel was sent",
    OrderPhase.TRIGGERED: "its price was reached, and the exchange has made an order of another id of it",
    OrderPhase.FILLED: "it was filled",
    OrderPhase.CANCELED: "it was canceled",
    OrderPhase.REJECTED: "it was refused",
    OrderPhase.EXPIRED: "it expired",
}

LEGS: Mapping[Leg, str] = {
    Leg.CLOSE: "to close what was held",
    Leg.OPEN: "to open the new position",
    Leg.NET: "to change the position in one step",
    Leg.LIQUIDATION: "no decision asked for it: the exchange closed the position, or a person booked what it did",
    Leg.FUNDING: "no decision asked for it: funding of an open position",
    Leg.CAPITAL: "no decision asked for it: a person changed the money that the book trades with",
    Leg.STOP: "no decision asked for it: a stop of the position fired",
}

ORIGINS: Mapping[Origin, str] = {
    Origin.TICK: "by the tick's market data",
    Origin.PREDICTION: "by the prediction",
}
