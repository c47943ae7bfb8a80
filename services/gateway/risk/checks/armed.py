"""A person's word, typed at a terminal, for this config and for a limited time."""

from services.gateway.risk.check import Subject
from shared.messages import Reason

CLOCK_MS = 60_000  # how far two machines' clocks may differ


def armed(subject: Subject) -> Reason | None:
    """Closed without it, after it, before it (a clock was set back), and under another config."""
    arming = subject.context.arming
    if arming is None:
        return Reason.NOT_ARMED
    if not arming.armed_at_ms - CLOCK_MS <= subject.context.now_ms < arming.expires_at_ms:
        return Reason.ARMING_EXPIRED
    return None if arming.config_hash == subject.rules.config_hash else Reason.ARMED_FOR_OTHER_CONFIG


def armed_notional(subject: Subject) -> Reason | None:
    """Closed when all positions together would be more than was armed."""
    arming = subject.context.arming
    if arming is None:
        return Reason.NOT_ARMED
    return Reason.ARMED_NOTIONAL if subject.account_notional > arming.max_notional else None
