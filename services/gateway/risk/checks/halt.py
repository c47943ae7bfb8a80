"""Halted: nothing goes out. The halt's own flatten does not come this way."""

from services.gateway.risk.check import Subject
from services.gateway.risk.latches import HALT
from shared.messages import Reason


def halt(subject: Subject) -> Reason | None:
    """Closed while the latch is set."""
    return Reason.HALTED if HALT in subject.context.latches else None
