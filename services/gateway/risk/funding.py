"""How much funding the account has paid since midnight, less what it has received: a limit of its own, with a latch.

It is counted from the payments that the journal has booked. Reaching the limit sets the latch, which stands until a
person drops it (`tickline resume`), also over midnight; from then on only what is paid later counts. As with the marks
of the equity, a latch that was seen to stand and is gone was dropped by a person.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from services.gateway.risk.check import Changes
from services.gateway.risk.marks import BY, DAY_NS
from shared.control.latches import DAILY_FUNDING
from shared.journal.rows import FundingRow, LatchRow, LimitRow
from shared.messages.codec import keep, kept
from shared.record import Record

LIMIT = "funding_marks"
MS_NS = 1_000_000


class FundingMarks(Record):
    """day: since 1970, UTC. since_ms: from when on payments count. latched: the limit stands. seen: in the journal."""

    day: int
    since_ms: int
    latched: bool = False
    seen: bool = False

    def row(self) -> LimitRow:
        """As it stands in the journal."""
        return LimitRow(LIMIT, keep(self))


def marks_in(limits: Mapping[str, bytes]) -> FundingMarks | None:
    """None before the first; ValueError when they are no marks."""
    return kept(FundingMarks, limits[LIMIT]) if LIMIT in limits else None


def counted_from_ms(now_ns: int) -> int:
    """The payments from then on are enough: the present day's, and no mark is older."""
    return now_ns // DAY_NS * DAY_NS // MS_NS


def watch_funding(
    limit: Decimal, now_ns: int, payments: Iterable[FundingRow], limits: Mapping[str, bytes],
    latches: Mapping[str, LatchRow],
) -> Changes:  # fmt: skip
    """What is to be written after payments were booked: the marks, if they moved, and the latch when it is reached."""
    old, stands = marks_in(limits), DAILY_FUNDING in latches
    day, now_ms = now_ns // DAY_NS, now_ns // MS_NS
    resumed = old is not None and old.seen and not stands
    begun_ms = counted_from_ms(now_ns) if old is None or day > old.day else old.since_ms
    since_ms = now_ms if resumed else begun_ms
    paid = -sum((payment.amount for payment in payments if payment.at_ms >= since_ms), Decimal(0))
    latched = stands or paid >= limit or (old is not None and old.latched and not resumed)
    new = FundingMarks(day=max(day, old.day if old else day), since_ms=since_ms, latched=latched, seen=stands)
    rows: list[LimitRow | LatchRow] = [] if new == old else [new.row()]
    if latched and not stands:
        since = "midnight, UTC" if since_ms == counted_from_ms(now_ns) else "it was resumed"
        text = f"{paid} of funding paid since {since}: the limit is {limit}"
        rows.append(LatchRow(DAILY_FUNDING, text, BY, now_ms))
    return tuple(rows)
