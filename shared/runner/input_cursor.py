"""What was read of one input stream of one partition, until it is settled.

The committed cursor stands before the oldest entry that still waits. Later entries that were already taken are read
again after a restart and skipped by their n. So a waiting entry costs nothing in the snapshot.
"""

from collections import deque
from collections.abc import Sequence

from shared.bus.entry import START, Entry
from shared.runner.plan import Input


class InputCursor:
    """Cursor, position and unsettled entries.

    hold: whether the stored cursor may be used; else everything is read again.
    position: the sum of the last n over all symbols, so that producer minus consumer is the lag in entries.
    """

    def __init__(self, source: Input, stored: bytes | None, hold: bool) -> None:
        cursor, _, position = (stored or b"0-0 0").partition(b" ")
        self.source = source
        self.position = int(position)
        self.cursor = cursor if hold else START
        self.read_to = self.cursor
        self._stored = ""
        self.unsettled: deque[Entry] = deque()

    def offer(self, entries: Sequence[Entry]) -> None:
        """Take what was read behind `read_to`."""
        self.unsettled.extend(entries)
        self.read_to = entries[-1].id

    def advance(self) -> str | None:
        """Move the cursor over the settled entries; what the snapshot is to keep, `cursor position`, if it changed."""
        waiting = self.unsettled
        while waiting and waiting[0].settled:
            self.cursor = waiting.popleft().id
        stored = f"{self.cursor.decode()} {self.position}"
        if stored == self._stored:
            return None
        self._stored = stored
        return stored


def position_in(stored: bytes | None) -> int:
    """The position in a consumer's stored field; 0 where it has none yet."""
    return int(stored.partition(b" ")[2]) if stored else 0


def cursor_in(stored: bytes | None) -> bytes:
    """The cursor in a consumer's stored field."""
    return stored.partition(b" ")[0] if stored else START
