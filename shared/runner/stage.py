"""A Stage: one symbol's work in one service, messages in and messages out."""

from collections.abc import Iterable

from shared.messages import Message, Stream
from shared.tick import State, Tick


class Stage(Tick[Message, list[Message]]):
    """The Tick stage that a service wraps; one object per symbol.

    A backtest, a replay and the live line feed the same object. `on_tick` gives the messages to write, in order; an
    empty list says "taken, nothing to write", None "need more data": the runner treats both alike.
    """

    unread: frozenset[Stream] = frozenset()

    def leave_out(self, streams: Iterable[Stream]) -> None:
        """Nobody reads these: from now on `on_tick` may give no messages of theirs. All others stay the same."""
        self.unread = frozenset(streams)

    def ready(self, val: Message) -> bool:
        """Whether `val` may be taken now. A held message is offered again, before any later one of its stream."""
        return True


class SequenceNumbers:
    """The counters `n` of the streams that a stage writes: from 1, without a hole.

    >>> numbers = SequenceNumbers()
    >>> numbers.next(Stream.TICKS), numbers.next(Stream.TICKS), numbers.next(Stream.ORDERS)
    (1, 2, 1)
    """

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def next(self, stream: Stream) -> int:
        """The number of the next message of `stream`."""
        last = self._last
        n = last[stream] = last.get(stream, 0) + 1
        return n

    def last(self, stream: Stream) -> int:
        """The number last given, 0 before the first."""
        return self._last.get(stream, 0)

    def state(self) -> State:
        """Last number by stream."""
        return dict(self._last)

    def restore(self, state: State) -> None:
        """Take back what `state()` gave."""
        if not isinstance(state, dict):
            raise ValueError(f"numbers are a map, not {state!r:.80}")
        self._last = {Stream(stream): _number(n) for stream, n in state.items()}


def _number(n: object) -> int:
    if isinstance(n, int) and not isinstance(n, bool) and n > 0:
        return n
    raise ValueError(f"a message's number is from 1, not {n!r:.80}")
