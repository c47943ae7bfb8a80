"""What can happen to an order: what we do, and what the venue answers."""

from typing import NamedTuple

from shared.messages.reasons import Reason
from shared.orders.answers import Absent, Ambiguous, Answer, Refused, Snapshot


class Send(NamedTuple):
    """The request is about to go out, once, with this timestamp and validity (ms, the venue's clock)."""

    at_ms: int
    validity_ms: int


class Expire(NamedTuple):
    """It is not going to be sent."""

    reason: Reason


class Resolve(NamedTuple):
    """A person says how it ended, where the venue cannot be asked. at_ms: when, on the venue's clock."""

    at_ms: int
    snapshot: Snapshot
    by: str


Event = Send | Expire | Refused | Ambiguous | Absent | Answer | Resolve
