"""How a person may say that an order ended."""

from enum import StrEnum


class Ending(StrEnum):
    """EXTERNAL: a difference that is not ours."""

    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    EXTERNAL = "external"
