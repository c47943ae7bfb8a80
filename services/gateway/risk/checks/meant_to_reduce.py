"""An order that is meant to reduce never adds, e.g. a second close beside one in flight."""

from services.gateway.risk.check import Subject
from shared.messages import Reason


def meant_to_reduce(subject: Subject) -> Reason | None:
    """Closed for its excess; like every gate that binds only what adds, it is not asked without one."""
    return Reason.NOT_REDUCING if subject.asked.reduce_only else None
