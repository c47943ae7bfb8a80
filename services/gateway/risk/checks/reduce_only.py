"""The switch that lets positions only shrink."""

from services.gateway.risk.check import Subject
from shared.messages import Reason


def reduce_only(subject: Subject) -> Reason | None:
    """Closed while it is on."""
    return Reason.REDUCE_ONLY if subject.limits.reduce_only else None
