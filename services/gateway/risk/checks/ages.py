"""How old what the order was decided on may be. A time that lies ahead by as much is a wrong clock, and no fresher."""

from services.gateway.risk.check import Subject
from shared.messages import Reason

S_NS = 10**9


def tick_age(subject: Subject) -> Reason | None:
    """Closed when the tick behind the order is too old."""
    age_ns = subject.context.now_ns - subject.asked.ts_event
    return Reason.STALE_TICK if abs(age_ns) > subject.limits.max_tick_age_s * S_NS else None


def prediction_age(subject: Subject) -> Reason | None:
    """Closed when the order was written too long ago; by the tick's time where nobody knows."""
    written_ns = subject.context.predicted_ns or subject.asked.ts_event
    age_ns = subject.context.now_ns - written_ns
    return Reason.STALE_PREDICTION if abs(age_ns) > subject.limits.max_prediction_age_s * S_NS else None
