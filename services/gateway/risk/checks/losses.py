"""Daily loss and drawdown at this very moment, before their latch is in the journal."""

from services.gateway.risk import latches
from services.gateway.risk.check import Subject
from shared.messages import Reason


def daily_loss(subject: Subject) -> Reason | None:
    """Closed when the equity has fallen by the limit since midnight, until a person resumes."""
    return Reason.DAILY_LOSS if latches.DAILY_LOSS in subject.standing else None


def drawdown(subject: Subject) -> Reason | None:
    """Closed when the equity has fallen by the limit's share from its highest, until a person resumes."""
    return Reason.DRAWDOWN if latches.DRAWDOWN in subject.standing else None


def seen_once(subject: Subject) -> Reason | None:
    """Closed after one observation past a limit, until the next one says whether it was a loss."""
    if latches.DAILY_LOSS in subject.suspected:
        return Reason.DAILY_LOSS
    return Reason.DRAWDOWN if subject.suspected else None
