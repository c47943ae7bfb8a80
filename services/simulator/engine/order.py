"""An order as the fake keeps it: each change is a new version, and all versions stay."""

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """As Binance writes them."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    UNTRIGGERED = "UNTRIGGERED"
    TRIGGERED = "TRIGGERED"  # it became another order, and is none any more


OPEN = frozenset({State.NEW, State.PARTIALLY_FILLED})
LIVE = OPEN | {State.UNTRIGGERED}
ORIGINS = ("liquidation", "adl", "settlement")


class Part(NamedTuple):
    """So much is filled at this time."""

    at_ms: int
    qty: Decimal


class Order(NamedTuple):
    """signed_qty, filled: base units, + buys. paid: sum of |qty| x price. parts: the plan; `done` of them are filled.

    limit: an order with a price rests until it is cancelled. stamp_ms, validity_ms: as they stood in the request.
    leg: the position it is of, see wallet.py. trigger: it waits until the price is there; rises: from below.
    became, was: ids; where a venue makes another order of one that waited, the new one and the old one.
    origin: who made it, if not the account: `liquidation`, `adl` or `settlement`. algo: the venue's word for its kind.
    """

    id: int
    client_id: str
    sym: str
    signed_qty: Decimal
    reduce_only: bool
    limit: Decimal | None
    stamp_ms: int
    validity_ms: int
    created_ms: int
    updated_ms: int
    parts: tuple[Part, ...] = ()
    done: int = 0
    state: State = State.NEW
    filled: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    leg: str = ""
    trigger: Decimal | None = None
    rises: bool = False
    origin: str = ""
    algo: str = ""
    became: int = 0
    was: int = 0

    @property
    def side(self) -> int:
        """+1 buys, -1 sells."""
        return 1 if self.signed_qty > 0 else -1


class Fill(NamedTuple):
    """One trade of an order. qty is signed; fee is positive when paid; profit: what it realised, in quote units.

    leg, origin: of its order. extra: what was paid beside the fee, in its currency.
    """

    id: int
    order_id: int
    client_id: str
    sym: str
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    profit: Decimal
    at_ms: int
    leg: str = ""
    origin: str = ""
    extra: Decimal = Decimal(0)


class Payment(NamedTuple):
    """Funding or a transfer: + came in."""

    id: int
    kind: str
    sym: str
    currency: str
    amount: Decimal
    at_ms: int
