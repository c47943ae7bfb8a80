"""What a service keeps outside the bus, and when: first there, then the cursor moves."""

from collections.abc import Sequence
from typing import Protocol

from shared.bus.api import Session
from shared.messages import Message
from shared.runner.partition import Partition


class ExternalStoreLost(Exception):
    """It cannot be kept: nothing of what was taken may be committed. Drop the memory, wait, attach again."""


class ExternalStore(Protocol):
    """A store beside the bus, e.g. a gateway's journal, and the work that hangs on it.

    A crash between `keep` and the commit is seen as inputs that are taken again: a keeper knows them and does nothing.
    """

    async def prepare(self) -> None:
        """Get ready to work, before anything is owned: what takes long belongs here. Raises ExternalStoreLost."""

    async def attach(self, session: Session, parts: Sequence[Partition]) -> None:
        """All partitions of the instance are ours and loaded; raises ExternalStoreLost."""

    def renewed(self, until_s: float) -> None:
        """Our leases are good until then, by time.monotonic()."""

    async def keep(self, taken: Sequence[Message]) -> None:
        """Keeps what the stages gave of the streams that are `kept`, before each commit; raises ExternalStoreLost."""

    async def detach(self) -> None:
        """A partition is ours no more: start nothing new. Comes also without an `attach` before it."""

    async def close(self) -> None:
        """The process ends: give back what was opened."""
