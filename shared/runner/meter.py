"""The meter counts what a worker does: once a batch, in plain attributes that are read when somebody asks.

What a partition counts by itself, its positions in the streams, is not counted again.
"""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from shared.bus.api import Commit, Outcome
from shared.messages import Message, Stream
from shared.runner.partition import Partition

HOP_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
COMMIT_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
BATCH: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
NS_PER_S = 1e9
LEASES: Final = "Partitions that this process owns."

_OK = Outcome.OK
Labels = tuple[str, ...]
Values = Iterable[tuple[Labels, float]]


class Histogram:
    """A histogram counts values by the bucket that they fall into.

    - bounds: the upper ones of the buckets, rising; a last bucket has no bound. counts: of each bucket alone.

    >>> seconds = Histogram((0.1, 1.0))
    >>> for value in (0.1, 0.5, 30.0):
    ...     seconds.add(value)
    >>> seconds.counts, seconds.sum
    ([1, 1, 1], 30.6)
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Counts a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


@dataclass(frozen=True)
class Gauge:
    """A gauge is a metric of one service that is read when somebody asks, e.g. what its books are worth.

    - name: without `tickline_`, with its unit at the end. says: what it is, in a sentence.
    - labels: their names; a value of one is of a set that the config or the code bounds, never an id.
    - of: gives the values, each with its labels' values. It is called in the service's loop, between two batches.
    - total: it only grows, so it is a counter; its name goes without `_total`.
    """

    name: str
    says: str
    of: Callable[[Sequence[Partition]], Values]
    labels: Labels = ()
    total: bool = False


@dataclass(frozen=True)
class MessageCounter:
    """A MessageCounter is a metric of one service that counts its messages of one kind, by what each says.

    - name, says, labels: as a Gauge's; the name without `_total`.
    - of: gives a message's labels' values; None where it does not count. It is called for each message, so it takes a
      member's `_value_`: an enum's own hash and `value` cost ten times as much.
    """

    name: str
    says: str
    kind: type[Message]
    of: Callable[[Any], Labels | None]
    labels: Labels = ()


class ServiceMetrics(NamedTuple):
    """A service adds these metrics to those that all services have."""

    gauges: Sequence[Gauge] = ()
    counters: Sequence[MessageCounter] = ()


class Moved(NamedTuple):
    """The moved are messages, by stream: those that were taken, and those that were written."""

    taken: Counter[str]
    written: Counter[str]


class Meter:
    """A meter counts one worker's work, since its process began.

    - hops: by input stream, from the writing of the oldest message of a batch until what it led to is written.
    - commits: seconds from a commit's sending to its answer. batches: messages in one commit.
    - refused: commits that the bus refused, by outcome. sessions: how often the worker was connected to the bus.
    - counted: the messages of each counter, by their labels' values; None: those that do not count. A batch that was
      refused and made again is counted again.
    - parts: the partitions that are ours now.
    """

    def __init__(self, counters: Sequence[MessageCounter] = ()) -> None:
        self.hops: dict[Stream, Histogram] = {}
        self.commits, self.batches = Histogram(COMMIT_S), Histogram(BATCH)
        self.refused: Counter[Outcome] = Counter()
        self.sessions = 0
        self.counted: Mapping[MessageCounter, Counter[Labels | None]] = {one: Counter() for one in counters}
        self._counted_kinds = [(one.kind, one.of, counts) for one, counts in self.counted.items()]
        self.parts: dict[int, Partition] = {}
        self._begun: dict[int, Moved] = {}  # where each partition stood when it was loaded
        self._before = Moved(Counter(), Counter())  # what the partitions that are gone have moved

    def begin(self, part: Partition) -> None:
        """Takes a partition that was loaded; it stands for the one of its number that was here before."""
        p = part.lease.partition.p
        self.end(p)
        self.parts[p], self._begun[p] = part, _stands(part)

    def end(self, p: int) -> None:
        """Keeps what a partition has moved, which is dropped."""
        part = self.parts.pop(p, None)
        if part is not None:
            self._add(self._before, part, self._begun.pop(p))

    def batch(self, part: Partition, commit: Commit) -> None:
        """Counts a batch that is about to be sent."""
        now_ns = time.time_ns()
        self.batches.add(len(commit.entries))
        for cursor in part.cursors.values():
            if cursor.oldest_ns:
                stream = cursor.source.stream
                hop = self.hops.get(stream)
                if hop is None:
                    hop = self.hops[stream] = Histogram(HOP_S)
                hop.add(max(now_ns - cursor.oldest_ns, 0) / NS_PER_S)
                cursor.oldest_ns = 0
        for kind, of, counts in self._counted_kinds:  # `update` counts in C
            counts.update(map(of, [message for message in part.given if message.__class__ is kind]))

    def answered(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        """Counts the bus's answer to the commits of one sending."""
        self.commits.add(seconds)
        for outcome in outcomes:
            if outcome is not _OK:
                self.refused[outcome] += 1

    def moved(self) -> Moved:
        """Returns how many messages were taken and written by now."""
        total = Moved(Counter(self._before.taken), Counter(self._before.written))
        for p, part in self.parts.items():
            self._add(total, part, self._begun[p])
        return total

    @staticmethod
    def _add(total: Moved, part: Partition, begun: Moved) -> None:
        stands = _stands(part)
        for counter, now, then in zip(total, stands, begun, strict=True):
            for stream, count in now.items():
                counter[stream] += max(count - then[stream], 0)


def _stands(part: Partition) -> Moved:
    """Returns a partition's positions in its streams."""
    taken: Counter[str] = Counter()
    for cursor in part.cursors.values():
        taken[cursor.source.stream] += cursor.position
    return Moved(taken, Counter({str(stream): count for stream, count in part.written.items()}))
