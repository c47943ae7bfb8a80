"""What the gateway itself found: a gap, a lost bus, a journal that cannot be written."""

from services.gateway.risk.check import Subject
from shared.messages import Reason


def blocked(subject: Subject) -> Reason | None:
    """Closed with the first thing found."""
    return next(iter(subject.context.blocked), None)
