"""A Gap that the reader of a stream made itself: it says at which row, by its trace id, and why."""

from services.research.recording.rows import Rows, message_of
from services.strategy.live_stage import MISSING
from shared.messages import Gap, GapCause


def gap_before(recorded: Gap, outputs: Rows, inputs: Rows) -> Gap | None:
    """The Gap that made the stage write `recorded`, the input rows in front of it taken; None: no row has its trace.

    That row is a Gap itself, which was passed on. Or the reader made one: MISSED when it had lost what comes before
    that row, another cause when that very row could not be taken. outputs: what was written, from `recorded` on.
    """
    while (row := inputs.peek()) is not None:
        if row.tr != recorded.tr:
            inputs.next()
            continue
        found = message_of(row)
        passed_on = isinstance(found, Gap) and found.cause is recorded.cause
        if isinstance(found, Gap) and passed_on and _gaps(outputs, row.tr) <= _gaps(inputs, row.tr):
            inputs.next()
            return found
        missed = recorded.cause is GapCause.MISSED
        if not missed:
            inputs.next()
        n = max(1, row.n - missed)
        return recorded.model_copy(update={"n": n, "stream": inputs.stream})
    return None


def _gaps(rows: Rows, tr: str) -> int:
    """How many Gaps with this trace come now, with the decisions that they led to."""
    count = further = 0
    while (row := rows.peek(further)) is not None:
        further += 1
        if row.tr == tr and isinstance(message_of(row), Gap):
            count += 1
        elif MISSING not in row.tr:
            break
    return count
