"""A service on one page: what it reads, what it writes, and the stage between."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.messages import Message, Stream
from shared.tick import Tick

StageFactory = Callable[[str], Tick[Any, list[Message]]]


@dataclass(frozen=True)
class Input:
    """A stream that is read, and the instance that writes it.

    strict: the stream is about money. A bad or missing entry stops the symbol instead of leaving a Gap.
    always: what is taken from it writes nothing to a bounded stream, so it is taken also when there is no room. Two
    services that feed each other would wait for each other for ever without one such input.
    """

    stream: Stream
    instance: str
    strict: bool = False
    always: bool = False


@dataclass(frozen=True)
class Output:
    """A stream that is written.

    consumers: instances that must keep up; the producer stays at most `bound` entries ahead of their commits.
    Without consumers the stream is only cut by length. trim: cut it below its consumers' commits, by age.
    recorders: instances for which it is not cut either, but that bound nothing and are waited for `hold_s` at most.
    """

    stream: Stream
    consumers: tuple[str, ...] = ()
    bound: int = 2_000
    trim: bool = False
    recorders: tuple[str, ...] = ()
    hold_s: float = 3_600.0


@dataclass(frozen=True)
class ServiceSpec:
    """One service. `make_stage` gives a fresh stage for a symbol.

    exclusive: one replica owns all partitions together, the others stand by.
    kept: streams of which the external store gets what the stages give; nothing of them is written to the bus.
    """

    instance: str
    make_stage: StageFactory
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    exclusive: bool = False
    kept: frozenset[Stream] = frozenset()


@dataclass(frozen=True)
class Limits:
    """The bounds of a worker; each has its name in the config."""

    read_count: int = 256
    commit_entries: int = 512
    pending: int = 1_024
    quarantined: int = 1_000
    round_s: float = 0.4
    stall_s: float = 0.01
    backoff_s: float = 0.05
    backoff_max_s: float = 2.0
    trim_every_s: float = 10.0
    trim_age_s: float = 60.0
    lease_s: float = 3.0
