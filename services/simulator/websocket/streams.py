"""Streams of messages, and what a dialect has to say about them: their names, and how a client subscribes.

The streams over a TradeHistory that all dialects share stand below: of trades, of trades by millisecond, of bars.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from services.simulator.engine.trade_history import MarketBar, TradeHistory
from services.simulator.websocket.frames import FrameBlocks, framed


class MessageStream(Protocol):
    """A stream keeps one client's place in the messages of a market."""

    def take(self, now_ms: int, most: int) -> Sequence[bytes]:
        """Returns the next frames, at most so many of those due by now."""

    def due_ms(self) -> int | None:
        """Returns when there is something to take, at the earliest; None: never."""


class UnknownStream(Exception):
    """The exchange has no stream of this name."""


class SubscriptionRequest(NamedTuple):
    """A request is what a client's message asks for.

    - subscribe, unsubscribe: names of streams.
    - number: the request's own number, as the reply repeats it.
    - kind: the dialect's word for the kind of request.
    """

    subscribe: Sequence[str] = ()
    unsubscribe: Sequence[str] = ()
    number: object = None
    kind: str = ""


@dataclass
class ConnectionState:
    """A connection speaks in a way of its own.

    - names: streams that its URL subscribes to.
    - combined: each message goes into an envelope with its stream's name.
    - state: whatever else the dialect remembers of it.
    """

    names: Sequence[str] = ()
    combined: bool = False
    state: dict[str, object] = field(default_factory=dict)


class WebsocketDialect(Protocol):
    """The public streams of one exchange, and how clients subscribe to them.

    - quiet_s: a connection is torn on which the exchange has said nothing for so long; inf: none is.
    """

    quiet_s: float

    def connect(self, path: Sequence[str], query: Mapping[str, str]) -> ConnectionState | None:
        """Returns how a connection at this address speaks; None: nobody is there."""

    def parse(self, connection: ConnectionState, text: str) -> SubscriptionRequest:
        """Returns what a client's message asks for. Raises ValueError where it makes no sense."""

    def reply(
        self,
        connection: ConnectionState,
        subscription: SubscriptionRequest,
        refused: Sequence[str],
        open_: Sequence[str],
    ) -> Sequence[str]:
        """Returns the replies to a request that was carried out.

        - refused: names of streams that there are not.
        - open_: names of all streams that the connection has.
        """

    def error_reply(self, connection: ConnectionState, text: str, error: Exception) -> str:
        """Returns the reply to a message that makes no sense."""

    def open_stream(self, name: str, now_ms: int) -> MessageStream | None:
        """Returns the stream from now on; None where it never says anything. Raises UnknownStream."""

    def envelope(self, connection: ConnectionState, name: str, frame: bytes) -> bytes:
        """Returns a stream's frame as a combined connection gets it."""


KLINE_MS = 250
# Makes the message about a bar: the bar, its first and last trade by index, the time, and whether it is finished.
BarMessage: TypeAlias = Callable[[MarketBar, int, int, int, bool], str]
# Makes the message about trades by index, `last` not included, of one millisecond.
TradesMessage: TypeAlias = Callable[[int, int], str]


class TradeStream:
    """A stream with one message for every trade after `now_ms`."""

    def __init__(self, history: TradeHistory, blocks: FrameBlocks, now_ms: int) -> None:
        self._history, self._blocks = history, blocks
        self._next = history.upto(now_ms)

    def take(self, now_ms: int, most: int) -> Sequence[bytes]:
        """Returns the next frames, in the order of the trades' ids."""
        first, last = self._next, min(self._history.upto(now_ms), self._next + most)
        if last <= first:
            return ()
        self._next = last
        return self._blocks.between(first, last)

    def due_ms(self) -> int | None:
        """Returns when the next trade is."""
        return self._history.due_ms(self._next)


class BatchStream:
    """A stream with one message for all trades of a millisecond.

    - replayed: so many that were before come first, in one message.
    """

    def __init__(self, history: TradeHistory, message: TradesMessage, now_ms: int, replayed: int = 0) -> None:
        self._history, self._message_of = history, message
        self._next = history.upto(now_ms)
        self._replayed = min(replayed, self._next)

    def take(self, now_ms: int, most: int) -> Sequence[bytes]:
        """Returns the next frames, in the order of the trades' ids; of no millisecond that is not over."""
        out: list[bytes] = []
        if self._replayed:
            out.append(framed(self._message_of(self._next - self._replayed, self._next).encode()))
            self._replayed = 0
        last = self._history.before(now_ms, now_ms)
        while self._next < last and len(out) < most:
            at_ms = self._history.due_ms(self._next)
            end = self._next + 1
            while end < last and self._history.due_ms(end) == at_ms:
                end += 1
            out.append(framed(self._message_of(self._next, end).encode()))
            self._next = end
        return out

    def due_ms(self) -> int | None:
        """Returns when the next trade's millisecond is over."""
        due_ms = self._history.due_ms(self._next)
        return None if due_ms is None else due_ms + 1


class BarStream:
    """A stream of the bar as it stands, four times a second while it changes, and once more when it is finished."""

    def __init__(self, history: TradeHistory, length_ms: int, message: BarMessage, now_ms: int) -> None:
        self._history, self._length_ms, self._message_of = history, length_ms, message
        self._bar_ms = now_ms // length_ms * length_ms
        self._told, self._told_ms = history.upto(now_ms), now_ms

    def take(self, now_ms: int, most: int) -> Sequence[bytes]:
        """Returns the bars that are finished, or the one that goes on."""
        out: list[bytes] = []
        while now_ms >= self._bar_ms + self._length_ms and len(out) < most:
            out.append(self._message(self._bar_ms + self._length_ms, finished=True))
            self._bar_ms += self._length_ms
        if not out and now_ms >= self._told_ms + KLINE_MS:
            self._told_ms = now_ms
            if (count := self._history.upto(now_ms)) > self._told:
                self._told = count
                out.append(self._message(now_ms, finished=False))
        return out

    def due_ms(self) -> int | None:
        """Returns when the stream may tell of the bar again, or must."""
        return min(self._bar_ms + self._length_ms, self._told_ms + KLINE_MS)

    def _message(self, now_ms: int, finished: bool) -> bytes:
        bar, first, last = self._history.bar(self._bar_ms, self._length_ms, now_ms)
        return framed(self._message_of(bar, first, last, now_ms, finished).encode())
