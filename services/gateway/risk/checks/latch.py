"""A stop that waits for a person: a loss limit, another bus, a symbol that is out of order."""

from services.gateway.risk.check import Subject
from services.gateway.risk.latches import latched
from shared.messages import Reason


def latch(subject: Subject) -> Reason | None:
    """Closed while it is set."""
    return latched(subject.asked.sym, subject.context.latches)
