"""How far was recorded, where a stream's writer looks before it cuts off what everybody has."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.recorder.plan import RecorderPlan
from shared.bus.api import BusLost, Commit, Outcome, Session
from shared.messages import Stream
from shared.recording.part import Positions, ReceivedEntry
from shared.runner.partition_leases import PartitionLeases

BESIDE_BYTES = 300  # of an entry, beside its message: about


@dataclass
class Buffer:
    """One stream's rows in memory. positions: as they will be with these rows. since_s: when the first one came."""

    positions: Positions
    rows: list[ReceivedEntry] = field(default_factory=list)
    size: int = 0
    since_s: float = 0.0

    def add(self, row: ReceivedEntry, now_s: float) -> None:
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


class ProgressOnBus:
    """The fields `in:STREAM` of the recorder's own state, as any consumer has them. Nothing here reads them back."""

    def __init__(self, ownership: PartitionLeases, session: Session) -> None:
        self._leases = dict(ownership.leases)
        self._session = session
        self._seqs: dict[int, int] = {}
        self._told: dict[tuple[int, str], str] = {}

    async def load(self) -> None:
        """Take up the commit numbers."""
        stored = await self._session.load([lease.place for lease in self._leases.values()])
        self._seqs = {p: state.seq for p, state in zip(self._leases, stored, strict=True)}

    async def tell(self, positions: Mapping[Stream, Positions]) -> None:
        """Commit what has changed; raises BusLost when the lease is no longer ours."""
        fields: dict[int, dict[str, bytes | str]] = {}
        for stream, known in positions.items():
            for p, text in _lowest(known).items():
                if p in self._leases and self._told.get((p, stream)) != text:
                    fields.setdefault(p, {})[f"in:{stream}"] = text
                    self._told[p, stream] = text
        commits = [Commit(self._leases[p], self._seqs[p], changed, []) for p, changed in fields.items()]
        outcomes = await self._session.commit(commits) if commits else []
        if any(outcome is not Outcome.OK for outcome in outcomes):
            raise BusLost("the recorder's lease was taken: another one records")
        for p in fields:
            self._seqs[p] += 1


def _lowest(known: Positions) -> dict[int, str]:
    """Partition -> `cursor position`; of the instance that is the least far, where several write one stream."""
    found: dict[int, tuple[tuple[int, ...], str]] = {}
    for place, position in known.items():
        n = sum(last_n for last_n, _ in position.last.values())
        order = tuple(map(int, position.cursor.split(b"-")))
        text = f"{position.cursor.decode()} {n}"
        if place.p not in found or order < found[place.p][0]:
            found[place.p] = order, text
    return {p: text for p, (_, text) in found.items()}
