"""How much one order may add, and how large one position may become, in quote units."""

from services.gateway.risk.check import Subject
from shared.messages import Reason


def order_notional(subject: Subject) -> Reason | None:
    """Closed when what the order adds is more than the limit."""
    added = subject.exposure.adds.copy_abs() * subject.price
    return Reason.ORDER_NOTIONAL if added > subject.limits.max_order_notional else None


def position_notional(subject: Subject) -> Reason | None:
    """Closed when the position, with all in flight in the order's direction filled, would be more than the limit."""
    position = subject.exposure.worst.copy_abs() * subject.price
    return Reason.POSITION_NOTIONAL if position > subject.limits.max_position_notional else None
