"""How many orders go out in a minute."""

from services.gateway.risk.check import Subject
from services.gateway.risk.order_rate import sent
from shared.messages import Reason


def rate(subject: Subject) -> Reason | None:
    """Closed when the limit was sent within the last 60 s."""
    context = subject.context
    full = sent(context.limits, context.now_ms) >= subject.limits.orders_per_minute
    return Reason.ORDERS_PER_MINUTE if full else None
