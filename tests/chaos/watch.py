"""What the line has done so far, read from the partitions' states on the bus."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from shared.bus.names import ClusterNames, Names, PartitionId
from shared.messages import Stream
from shared.runner.symbol import position_in
from tests.cluster import ClusterClient

PARTITIONS = 8
SERVICES = ("ingestor", "signal", "strategy", "gateway")
WRITERS = {
    Stream.TICKS: "ingestor", Stream.FEATURES: "signal", Stream.PREDICTIONS: "signal",
    Stream.DECISIONS: "strategy", Stream.ORDERS: "strategy", Stream.EXECUTIONS: "gateway",
}  # fmt: skip
READERS = (
    ("signal", Stream.TICKS), ("strategy", Stream.PREDICTIONS),
    ("gateway", Stream.ORDERS), ("strategy", Stream.EXECUTIONS),
)  # fmt: skip
PLACES = [PartitionId(service, p) for service in SERVICES for p in range(PARTITIONS)]
FIELDS = ["owner", "epoch", "seq", *(f"out:{s}" for s in WRITERS), *(f"in:{s}" for s in WRITERS)]

Seqs = dict[PartitionId, int]


class Timeout(AssertionError):
    """The line did not get there."""


@dataclass(frozen=True)
class Status:
    """All partitions' owners, epochs, commit numbers and positions at one moment."""

    at_s: float
    states: dict[PartitionId, dict[str, bytes | None]]

    def _number(self, place: PartitionId, name: str) -> int:
        return int(self.states[place][name] or 0)

    def owner(self, place: PartitionId) -> str:
        """Who holds the partition; empty: nobody."""
        return (self.states[place]["owner"] or b"").decode()

    def epoch(self, place: PartitionId) -> int:
        """How often it was acquired."""
        return self._number(place, "epoch")

    def seq(self, place: PartitionId) -> int:
        """The partition's commit number."""
        return self._number(place, "seq")

    def commits(self, service: str) -> int:
        """All commits of a service."""
        return sum(self.seq(place) for place in PLACES if place.instance == service)

    def takeovers(self) -> int:
        """Acquisitions after the first of each partition."""
        return sum(max(0, self.epoch(place) - 1) for place in PLACES)

    def out(self, stream: Stream) -> int:
        """How many entries were written to a stream."""
        return sum(self._number(place, f"out:{stream}") for place in PLACES if place.instance == WRITERS[stream])

    def taken(self, service: str, stream: Stream) -> int:
        """How many entries of a stream a service has taken."""
        return sum(position_in(self.states[p][f"in:{stream}"]) for p in PLACES if p.instance == service)

    def finished(self, ticks: int) -> bool:
        """Whether all ticks are there and everybody has taken all that was written for it."""
        return self.out(Stream.TICKS) >= ticks and all(self.taken(who, s) >= self.out(s) for who, s in READERS)


def names_at(client: Redis | ClusterClient, namespace: str) -> Names:
    """The names of a namespace on a server, or on a Cluster."""
    return ClusterNames(namespace) if isinstance(client, ClusterClient) else Names(namespace)


class Watch:
    """Looks at the bus; `between` is called while it waits, to keep the line alive. last: commit numbers last seen."""

    def __init__(
        self, client: Redis | ClusterClient, namespace: str, between: Callable[[], None] = lambda: None
    ) -> None:
        self.client: Any = client
        self.names = names_at(client, namespace)
        self.last: Seqs = dict.fromkeys(PLACES, 0)
        self._between = between

    def status(self) -> Status:
        """The status now; raises RedisError when the bus is not there."""
        pipe = self.client.pipeline(transaction=False)
        for place in PLACES:
            pipe.hmget(self.names.state(place), FIELDS)
        rows = pipe.execute()
        states = {place: dict(zip(FIELDS, row, strict=True)) for place, row in zip(PLACES, rows, strict=True)}
        status = Status(time.monotonic(), states)
        self.last = {place: status.seq(place) for place in PLACES}
        return status

    def seqs(self) -> Seqs:
        """Each partition's commit number."""
        self.status()
        return self.last

    def wait(
        self, what: str, reached: Callable[[Status], bool], within_s: float = 300.0, every_s: float = 0.01
    ) -> Status:
        """Wait until `reached`; a bus that is away is waited for too."""
        deadline = time.monotonic() + within_s
        last: Status | None = None
        while time.monotonic() < deadline:
            self._between()
            try:
                last = self.status()
            except RedisError:
                pass
            else:
                if reached(last):
                    return last
            time.sleep(every_s)
        seen = {str(s): last.out(s) for s in WRITERS} if last else "nothing"
        taken = {f"{who} of {s}": last.taken(who, s) for who, s in READERS} if last else ""
        raise Timeout(f"not within {within_s:g} s: {what}; written: {seen}; taken: {taken}")
