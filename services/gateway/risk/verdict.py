"""What the risk check answers. `changes` go into the journal in the transaction that keeps the order."""

from decimal import Decimal
from typing import NamedTuple, TypeAlias

from shared.journal.rows import EventRow, LatchRow, LimitRow
from shared.messages import Reason

Changes: TypeAlias = tuple[LimitRow | LatchRow | EventRow, ...]


class Pass(NamedTuple):
    """Send `signed_qty`, as reduce-only if `reduce_only`.

    cut_by: why it is less than was asked: only the part that reduces the position goes out. None: all of it does.
    """

    signed_qty: Decimal
    reduce_only: bool
    cut_by: Reason | None
    changes: Changes


class Refusal(NamedTuple):
    """Never send it: the order ends as REJECTED with this reason."""

    reason: Reason
    changes: Changes


class Hold(NamedTuple):
    """Not now: ask again until the order's valid_until is over."""

    reason: Reason
    changes: Changes


Verdict: TypeAlias = Pass | Refusal | Hold
