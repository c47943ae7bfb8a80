"""A Gap that the reader of a stream made itself: it says at which row, by its trace id, and why."""

from services.research.recording.rows import Rows, message_of
from shared.messages import Gap, GapCause


def gap_before(recorded: Gap, inputs: Rows) -> Gap | None:
    """The Gap that made the stage write `recorded`, the input rows in front of it taken; None: no row has its trace.

    MISSED: the reader had lost what comes before that row. Otherwise that very row could not be taken.
    """
    while (row := inputs.peek()) is not None:
        found = message_of(row)
        if row.tr != recorded.tr:
            inputs.next()
            continue
        if isinstance(found, Gap):
            inputs.next()
            return found
        missed = recorded.cause is GapCause.MISSED
        if not missed:
            inputs.next()
        n = max(1, row.n - missed)
        return recorded.model_copy(update={"n": n, "stream": inputs.stream})
    return None
