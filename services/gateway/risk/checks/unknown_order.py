"""An order of this symbol may or may not have reached the venue: what comes after it would stand on a guess."""

from services.gateway.risk.check import Subject
from shared.messages import Reason


def unknown_order(subject: Subject) -> Reason | None:
    """Closed while one is unknown."""
    return Reason.UNKNOWN_ORDER if any(order.unknown for order in subject.context.in_flight) else None
