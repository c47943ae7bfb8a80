"""Journal and venue were compared, and agreed."""

from services.gateway.risk.check import Subject
from shared.messages import Reason


def reconciled(subject: Subject) -> Reason | None:
    """Closed until they are."""
    return None if subject.context.reconciled else Reason.NOT_RECONCILED
