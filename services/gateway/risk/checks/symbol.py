"""The list of what may be traded."""

from services.gateway.risk.check import Subject
from shared.messages import Reason


def symbol(subject: Subject) -> Reason | None:
    """Closed for a symbol that is not on it."""
    return None if subject.asked.sym in subject.rules.symbols else Reason.SYMBOL_NOT_ALLOWED
