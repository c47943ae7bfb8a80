"""A service's parts: its spec, the feeder that brings its input, and the store that it keeps beside the bus."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from shared.bus.api import Session
from shared.config import Settings
from shared.messages import Message
from shared.runner.backpressure import Backpressure
from shared.runner.partition import Partition
from shared.runner.spec import Limits, ServiceSpec


class Feeder(Protocol):
    """A feeder brings the partitions' input, from the bus or from a market data source."""

    async def gather(self, session: Session, parts: Sequence[Partition], pressure: Backpressure, wait_s: float) -> None:
        """Give the partitions input, waiting up to `wait_s` when there is none."""

    def forget(self, p: int) -> None:
        """Partition `p` was reloaded or given up."""


class ExternalStoreLost(Exception):
    """It cannot be kept: nothing of what was taken may be committed. Drop the memory, wait, attach again."""


class ExternalStore(Protocol):
    """A store beside the bus, e.g. a gateway's journal, and the work that hangs on it.

    A crash between `keep` and the commit is seen as inputs that are taken again: a store knows them and does nothing.
    """

    async def prepare(self) -> None:
        """Get ready to work, before anything is owned: what takes long belongs here. Raises ExternalStoreLost."""

    async def attach(self, session: Session, parts: Sequence[Partition]) -> None:
        """Begins the work once all partitions of the instance are ours and loaded; raises ExternalStoreLost."""

    def renewed(self, until_s: float) -> None:
        """Our leases are good until then, by time.monotonic()."""

    async def keep(self, taken: Sequence[Message]) -> None:
        """Keeps what the stages gave of the streams that are `kept`, before each commit; raises ExternalStoreLost."""

    async def detach(self) -> None:
        """A partition is ours no more: start nothing new. Comes also without an `attach` before it."""

    async def close(self) -> None:
        """The process ends: give back what was opened."""


class ServiceParts(NamedTuple):
    """The parts say what a process does, what its input is, and what it keeps beside the bus; close: at the end."""

    spec: ServiceSpec
    feeder: Feeder
    store: ExternalStore | None = None
    close: Callable[[], Awaitable[None]] | None = None


Build = Callable[[Settings, Limits], ServiceParts]
