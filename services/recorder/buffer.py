"""What was read of each stream and is not in a file yet, and when it is to be written."""

from dataclasses import dataclass, field

from services.recorder.plan import RecorderPlan
from shared.messages import Stream
from shared.recording.columns import Taken
from shared.recording.part import Positions

BESIDE_BYTES = 300  # of an entry, beside its message: about


@dataclass
class Buffer:
    """One stream's rows in memory. positions: as they will be with these rows. since_s: when the first one came."""

    positions: Positions
    rows: list[Taken] = field(default_factory=list)
    size: int = 0
    since_s: float = 0.0

    def add(self, row: Taken, now_s: float) -> None:
        """Take a row."""
        if not self.rows:
            self.since_s = now_s
        self.rows.append(row)
        self.size += len(row.entry.d) + BESIDE_BYTES

    def due(self, plan: RecorderPlan, now_s: float) -> bool:
        """Whether there are enough rows, or the first has waited long enough."""
        if not self.rows:
            return False
        many = len(self.rows) >= plan.max_rows or self.size >= plan.max_bytes
        return many or now_s - self.since_s >= plan.max_age_s

    def clear(self) -> None:
        """They are in a file."""
        self.rows, self.size = [], 0


def buffers_behind(positions: dict[Stream, Positions]) -> dict[Stream, Buffer]:
    """Empty ones, which go on where the files end."""
    return {
        stream: Buffer({place: position.copy() for place, position in known.items()})
        for stream, known in positions.items()
    }
