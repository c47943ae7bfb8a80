"""Rows as they are taken from the bus."""

from shared.bus.entry import Entry
from shared.bus.names import PartitionId
from shared.recording.part import ReceivedEntry
from tests.unit.runner.fakes import entry, tick

PLACE = PartitionId("ingestor", 3)
DAY_MS = 86_400_000
FIRST_DAY_MS = 20_000 * DAY_MS  # 2024-10-04


def taken(n: int, sym: str = "A", ms: int = FIRST_DAY_MS, missing: int = 0) -> ReceivedEntry:
    """Tick n of a symbol, written at this time."""
    return ReceivedEntry(PLACE, entry(tick(n, sym), ms + n), missing)


def raw(position: int, k: bytes = b"", n: bytes = b"", d: bytes = b"?") -> Entry:
    """What no part of the line writes."""
    return Entry(b"%d-0" % position, (b"t", b"Foreign/1", b"k", k, b"n", n, b"d", d))
