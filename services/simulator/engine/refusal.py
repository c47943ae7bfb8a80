"""Why the fake's engine does not take an order; each dialect has its own code for it."""

from enum import Enum, auto


class Why(Enum):
    """The reasons."""

    MARGIN = auto()
    REDUCE_ONLY = auto()
    DUPLICATE = auto()
    STEP = auto()
    MIN_QTY = auto()
    MIN_NOTIONAL = auto()
    MOST_MARKET = auto()
    NOT_TRADING = auto()
    WOULD_TRIGGER = auto()


class Declined(Exception):
    """The engine has not taken the order."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.name)
        self.why = why
