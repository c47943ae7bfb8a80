"""A service on one page: what it reads, what it writes, and the stage between."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from shared.config.recorder import RecorderSettings
from shared.config.settings import BusSettings
from shared.messages import Message, Stream
from shared.models.runtime import Runtime
from shared.tick import State, Tick


class Stage(Tick[Message, list[Message]]):
    """A stage does one symbol's work in one service: messages in, messages out.

    A backtest, a replay and the live line feed the same object. `on_tick` gives the messages to write, in order; an
    empty list says "taken, nothing to write", None "need more data": the runner treats both alike.
    """

    muted: frozenset[Stream] = frozenset()

    def mute(self, streams: Iterable[Stream]) -> None:
        """Leaves these streams out, since nobody reads them: `on_tick` need give no messages of theirs from now on."""
        self.muted = frozenset(streams)

    def ready(self, val: Message) -> bool:
        """Says whether the stage takes `val` now. It gets a held message again, before any later one of its stream."""
        return True


class SequenceNumbers:
    """The sequence numbers count what a stage writes to each stream: from 1, without a hole.

    >>> numbers = SequenceNumbers()
    >>> numbers.next(Stream.TICKS), numbers.next(Stream.TICKS), numbers.next(Stream.ORDERS)
    (1, 2, 1)
    """

    def __init__(self) -> None:
        self._last: defaultdict[str, int] = defaultdict(int)

    def next(self, stream: Stream) -> int:
        """Returns the number of the next message of `stream`."""
        self._last[stream] = n = self._last[stream] + 1
        return n

    def last(self, stream: Stream) -> int:
        """Returns the number given last; 0 before the first."""
        return self._last.get(stream, 0)

    def state(self) -> State:
        """Returns the last number of each stream."""
        return dict(self._last)

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        if not isinstance(state, dict):
            raise ValueError(f"numbers are a map, not {state!r:.80}")
        self._last = defaultdict(int, {Stream(stream): _number(n) for stream, n in state.items()})


def _number(n: object) -> int:
    if isinstance(n, int) and not isinstance(n, bool) and n > 0:
        return n
    raise ValueError(f"a message's number is from 1, not {n!r:.80}")


_BUS, _RECORDER = BusSettings(), RecorderSettings()  # where the defaults stand
StageFactory = Callable[[str], Tick[Any, list[Message]]]


@dataclass(frozen=True)
class Input:
    """An input is a stream that a service reads, and the instance that writes it.

    - strict: the stream is about money. A bad or missing entry stops the symbol instead of leaving a Gap.
    - always: what is taken from it writes nothing to a bounded stream, so it is taken also when there is no room. Two
      services that feed each other would wait for each other for ever without one such input.
    - p: the partition of its writer; None: the one with the reader's own number.
    """

    stream: Stream
    instance: str
    strict: bool = False
    always: bool = False
    p: int | None = None

    @property
    def key(self) -> str:
        """Returns what the reader's partition calls it.

        >>> Input(Stream.TICKS, "ingestor").key == "ticks", Input(Stream.TICKS, "ingestor", p=3).key
        (True, 'ticks.3')
        """
        return self.stream if self.p is None else f"{self.stream}.{self.p}"


@dataclass(frozen=True)
class Output:
    """An output is a stream that a service writes.

    - consumers: instances that must keep up; the producer stays at most `bound` entries ahead of their commits. Without
      consumers the stream is only cut by length.
    - trim: cut it below its consumers' commits, by age.
    - recorders: instances for which it is not cut either, but that bound nothing and are waited for `hold_s` at most,
      and not beyond `hold_entries` that they lack.
    """

    stream: Stream
    consumers: tuple[str, ...] = ()
    bound: int = _BUS.bound
    trim: bool = False
    recorders: tuple[str, ...] = ()
    hold_s: float = _RECORDER.hold_s
    hold_entries: int = _RECORDER.hold_entries


@dataclass(frozen=True)
class ServiceSpec:
    """A spec says what one service reads, what it writes, and which stage works between.

    - make_stage: gives a fresh stage for a symbol.
    - exclusive: one replica owns all partitions together, the others stand by.
    - runtime: what its stages compute with; replicas with another one do not work beside each other.
    - kept: streams of which the external store gets what the stages give; nothing of them is written to the bus.
    - joint: one stage, made with the name "", takes all symbols' messages of a partition, and gives messages of any.
    """

    instance: str
    make_stage: StageFactory
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    exclusive: bool = False
    kept: frozenset[Stream] = frozenset()
    runtime: Runtime | None = None
    joint: bool = False


@dataclass(frozen=True)
class Limits:
    """The limits bound what a worker does; those of `_BUS` have a name in the config.

    - read_count, commit_entries: entries of one read of a stream, and of one commit.
    - pending: entries of a stream that were read and are not settled.
    - quarantined: entries that wait in the snapshot of a stopped symbol.
    - round_s: how often leases are renewed. stall_s: a pause where there is no room to write.
    - backoff_s, backoff_max_s: the first and the longest pause after something was lost.
    - trim_every_s, trim_age_s: how often streams are trimmed, and how old an entry must be.
    - lease_s: how long a lease holds without a renewal.
    """

    read_count: int = _BUS.read_count
    commit_entries: int = _BUS.commit_entries
    pending: int = 1_024
    quarantined: int = 1_000
    round_s: float = 0.4
    stall_s: float = 0.01
    backoff_s: float = 0.05
    backoff_max_s: float = 2.0
    trim_every_s: float = 10.0
    trim_age_s: float = _BUS.trim_age_s
    lease_s: float = _BUS.lease_s

    @property
    def work_s(self) -> float:
        """Returns how long stages work until what they have made is committed, and leases are renewed.

        With 2 ms for a prediction, what was read for eight partitions would take longer than a lease.
        """
        return self.lease_s / 6
