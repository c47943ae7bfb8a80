"""A stop lies at the exchange and closes a position when its price is there. It is an instruction, and no order.

It counts neither as exposure nor as in flight, and a close may reduce what it protects. When it is triggered it becomes
an order: the books take that one, by its own id. Pure types: `shared/exchanges/trading/stops.py` sends and reads them.
"""

from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

from shared.messages.reasons import StopKind
from shared.orders.answers import Ambiguous, Refused


class StopPhase(StrEnum):
    """A phase says where a stop is in its life; `shared/orders/stop_life.py` has the rules.

    An exchange tells WAITING -> TRIGGERING -> TRIGGERED; from either of the first two FAILED; from WAITING also
    CANCELED. The others are ours.
    """

    SENT = "SENT"  # on its way, by itself or with its entry; the answer is still to come
    UNKNOWN = "UNKNOWN"  # nobody knows whether it is there, so it protects nothing
    CANCELING = "CANCELING"  # its cancel was sent; it may still be triggered
    WAITING = "WAITING"  # it rests, and waits for its price
    TRIGGERING = "TRIGGERING"  # its price was there, and no order of it is known yet; some stay so
    TRIGGERED = "TRIGGERED"  # it has become an order, which ends as any other: also without a fill
    FAILED = "FAILED"  # no order came of it; where it is the order itself, nothing was filled. It protects nothing
    CANCELED = "CANCELED"  # it was cancelled, by whomever, and never triggered


class StopRequest(NamedTuple):
    """A request says what a stop shall do.

    - stop_id: ours, see `stop_id`; not every exchange takes it
    - held_qty: the position that it closes, signed, base units
    - price: what triggers it; of a TRAIL, what its distance is a share of, where the exchange wants a distance
    - trail_bps: of a TRAIL, how far the price comes back
    - whole: it closes whatever is held then, where the exchange has that, and not just `held_qty`
    - at_ms, validity_ms: the request's time on the exchange's clock, and how long it is good
    """

    sym: str
    stop_id: str
    kind: StopKind
    held_qty: Decimal
    price: Decimal
    trail_bps: Decimal | None = None
    whole: bool = True
    at_ms: int = 0
    validity_ms: int = 0

    @property
    def signed_qty(self) -> Decimal:
        """Returns what it buys (+) or sells (-) when it is triggered."""
        return -self.held_qty


class StopReport(NamedTuple):
    """A report says how a stop stands at the exchange.

    - kind: None for a waiting order that is of none of ours
    - venue_id: the exchange's; empty while it has not told it
    - stop_id: ours; empty where the exchange does not tell it
    - trigger_price: None where none is told, as of a TRAIL that is not active
    - signed_qty: of the order that it becomes; 0 where that follows the position
    - order_id: of the order that it became; empty while none is told
    - text: the exchange's own word, and its reason
    - reduce_only: the exchange says that it can only reduce; without, it may open a position when its own is gone
    """

    sym: str
    kind: StopKind | None
    phase: StopPhase
    venue_id: str
    stop_id: str = ""
    trigger_price: Decimal | None = None
    signed_qty: Decimal = Decimal(0)
    whole: bool = False
    order_id: str = ""
    text: str = ""
    reduce_only: bool = True


class Beyond(NamedTuple):
    """The exchange takes no stop at this price, since the market is beyond it: nothing protects the position."""

    text: str


class Occupied(NamedTuple):
    """The exchange takes no second stop that closes the whole position: one waits there, and protects it.

    It may be one whose answer was lost, under an id that was given up. Whoever hears this looks for it, and adopts it.
    """

    text: str


StopAnswer: TypeAlias = StopReport | Beyond | Occupied | Refused | Ambiguous


def stop_id(book: str, opened_by: str, kind: StopKind, revision: int) -> str:
    """Returns the id of a stop, 32 letters and digits: the same for the same words, and for no others.

    - book: whose position it protects
    - opened_by: the execution that opened the position
    - revision: counts what was placed for this position and kind, 0 for the first

    >>> one = stop_id("live:okx:a:mine:BTCUSDT", "7", StopKind.STOP, 0)
    >>> len(one), one == stop_id("live:okx:a:mine:BTCUSDT", "7", StopKind.STOP, 1)
    (32, False)
    """
    words = "\0".join(("stop", book, opened_by, kind, str(revision)))
    return blake2b(words.encode(), digest_size=16).hexdigest()
