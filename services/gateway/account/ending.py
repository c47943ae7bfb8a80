"""How a person may say that an order ended, or whose a difference is: what `tickline resolve --as` takes."""

from enum import StrEnum


class Ending(StrEnum):
    """An order ends as FILLED to EXPIRED. A difference is EXTERNAL, taken note of, or its position is BOT's or MINE.

    BOT: the book takes the position over. MINE: a person's coins, which the bot neither counts nor sells; spot only.
    """

    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    EXTERNAL = "external"
    BOT = "bot"
    MINE = "mine"


OF_DIFFERENCES = frozenset({Ending.EXTERNAL, Ending.BOT, Ending.MINE})
