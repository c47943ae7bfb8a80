"""How a person may say that an order ended, or whose a difference is."""

from enum import StrEnum


class Ending(StrEnum):
    """Of an order: FILLED to EXPIRED. Of a difference: EXTERNAL is taken note of, a position is BOT's or MINE.

    BOT: the book takes the position over. MINE: it is nobody's business here, now and later; spot only.
    """

    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    EXTERNAL = "external"
    BOT = "bot"
    MINE = "mine"


OF_DIFFERENCES = frozenset({Ending.EXTERNAL, Ending.BOT, Ending.MINE})
