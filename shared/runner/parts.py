"""A service's parts: its spec, the feeder that brings its input, and the store that it keeps beside the bus."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from shared.bus.api import Session
from shared.config import Settings
from shared.messages import Message
from shared.runner.backpressure import Backpressure
from shared.runner.meter import ServiceMetrics
from shared.runner.partition import Partition
from shared.runner.spec import Limits, ServiceSpec


class Work(Protocol):
    """A process does this work: a Worker, or a loop of its own; metrics: those that it has beside all services'."""

    counts: Counter[str]
    alive_file: Path | None
    metrics: ServiceMetrics

    async def run(self) -> None:
        """Works until stopped."""

    def stop(self) -> None:
        """Lets `run` return soon."""


class Feeder(Protocol):
    """A feeder brings the partitions' input, from the bus or from a market data source."""

    async def gather(self, session: Session, parts: Sequence[Partition], pressure: Backpressure, wait_s: float) -> None:
        """Gives the partitions input, waiting up to `wait_s` when there is none."""

    def forget(self, p: int) -> None:
        """Forgets what it keeps of partition `p`, which was loaded anew or given up."""


class ExternalStoreLost(Exception):
    """The store cannot keep what was taken, so nothing of it may be committed. Drop the memory, wait, attach again."""


class ExternalStore(Protocol):
    """An external store keeps what a service must not lose beside the bus, e.g. a gateway's journal.

    A crash between `keep` and the commit is seen as inputs that are taken again: a store knows them and does nothing.
    """

    async def prepare(self) -> None:
        """Gets ready to work, before anything is owned: what takes long belongs here. Raises ExternalStoreLost."""

    async def attach(self, session: Session, parts: Sequence[Partition]) -> None:
        """Begins the work once all partitions of the instance are ours and loaded; raises ExternalStoreLost.

        It may take longer than a lease, and is cancelled where one is lost meanwhile.
        """

    def renewed(self, until_s: float) -> None:
        """Notes that our leases are good until then, by time.monotonic()."""

    async def keep(self, taken: Sequence[Message]) -> None:
        """Keeps what the stages gave of the streams that are `kept`, before each commit; raises ExternalStoreLost."""

    async def detach(self) -> None:
        """Starts nothing new: a partition is ours no more. Comes also without an `attach` before it."""

    async def close(self) -> None:
        """Gives back what was opened: the process ends."""


class ServiceParts(NamedTuple):
    """The parts say what a process does, what its input is, and what it keeps beside the bus.

    - close: called at the end. metrics: those that it has beside all services'.
    """

    spec: ServiceSpec
    feeder: Feeder
    store: ExternalStore | None = None
    close: Callable[[], Awaitable[None]] | None = None
    metrics: ServiceMetrics = ServiceMetrics()


Build = Callable[[Settings, Limits], ServiceParts]
