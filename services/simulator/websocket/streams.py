"""What a dialect of websockets is to the feed: streams by name, and how a client asks for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from services.simulator.engine.trade_history import MarketBar, TradeHistory
from services.simulator.websocket.frames import FrameBlocks, framed


class MessageStream(Protocol):
    """A client's place in a market's messages."""

    def take(self, now_ms: int, most: int) -> Sequence[bytes]:
        """The next frames, at most so many of those due by now."""

    def due_ms(self) -> int | None:
        """When there is something to take, at the earliest; None: never."""


class UnknownStream(Exception):
    """The venue has no stream of this name."""


class SubscriptionRequest(NamedTuple):
    """What a client's message asks for. replies: by `done`, once for the names that were taken."""

    subscribe: Sequence[str] = ()
    unsubscribe: Sequence[str] = ()
    number: object = None
    kind: str = ""


@dataclass
class ConnectionState:
    """One connection's way of speaking. names: subscribed to by the URL. combined: see Binance."""

    names: Sequence[str] = ()
    combined: bool = False
    state: dict[str, object] = field(default_factory=dict)


class WebsocketDialect(Protocol):
    """All streams of one venue."""

    def connect(self, path: Sequence[str], query: Mapping[str, str]) -> ConnectionState | None:
        """How it speaks at this address; None: nobody is there."""

    def parse(self, connection: ConnectionState, text: str) -> SubscriptionRequest:
        """What a message asks for. Raises ValueError for one that makes no sense."""

    def reply(
        self, connection: ConnectionState, wanted: SubscriptionRequest, refused: Sequence[str], open_: Sequence[str]
    ) -> Sequence[str]:
        """The answers to it, when it is done. refused: the names that there are not."""

    def error_reply(self, connection: ConnectionState, text: str, error: Exception) -> str:
        """The answer to what makes no sense."""

    def open_stream(self, name: str, now_ms: int) -> MessageStream | None:
        """From now on; None where it never says anything. Raises Unknown."""

    def envelope(self, connection: ConnectionState, name: str, frame: bytes) -> bytes:
        """A stream's frame as this connection gets it."""


# Streams over a tape that all dialects share.

KLINE_MS = 250
# A message about a bar: the bar, its first and its last trade by index, when it is told, and whether it is finished.
TellBar: TypeAlias = Callable[[MarketBar, int, int, int, bool], str]
# A message about trades by index, `last` not included, of one millisecond.
TellTrades: TypeAlias = Callable[[int, int], str]


class TradeStream:
    """One message for every trade after `now_ms`."""

    def __init__(self, history: TradeHistory, blocks: FrameBlocks, now_ms: int) -> None:
        self._history, self._blocks = history, blocks
        self._next = history.upto(now_ms)

    def take(self, now_ms: int, most: int) -> Sequence[bytes]:
        """In the order of their ids."""
        first, last = self._next, min(self._history.upto(now_ms), self._next + most)
        if last <= first:
            return ()
        self._next = last
        return self._blocks.between(first, last)

    def due_ms(self) -> int | None:
        """When the next trade is."""
        return self._history.due_ms(self._next)


class BatchStream:
    """One message for all trades of a millisecond."""

    def __init__(self, history: TradeHistory, tell: TellTrades, now_ms: int) -> None:
        self._history, self._tell = history, tell
        self._next = history.upto(now_ms)

    def take(self, now_ms: int, most: int) -> Sequence[bytes]:
        """In the order of their ids; a millisecond that is not over is not told yet."""
        out: list[bytes] = []
        last = self._history.before(now_ms, now_ms)
        while self._next < last and len(out) < most:
            at_ms = self._history.due_ms(self._next)
            end = self._next + 1
            while end < last and self._history.due_ms(end) == at_ms:
                end += 1
            out.append(framed(self._tell(self._next, end).encode()))
            self._next = end
        return out

    def due_ms(self) -> int | None:
        """When the next trade's millisecond is over."""
        due_ms = self._history.due_ms(self._next)
        return None if due_ms is None else due_ms + 1


class BarStream:
    """The bar as it stands, four times a second while it changes, and once more when it is finished."""

    def __init__(self, history: TradeHistory, length_ms: int, tell: TellBar, now_ms: int) -> None:
        self._history, self._length_ms, self._tell = history, length_ms, tell
        self._bar_ms = now_ms // length_ms * length_ms
        self._told, self._told_ms = history.upto(now_ms), now_ms

    def take(self, now_ms: int, most: int) -> Sequence[bytes]:
        """The ends of bars, or the one that goes on."""
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
        """When it may tell of the bar again, or must."""
        return min(self._bar_ms + self._length_ms, self._told_ms + KLINE_MS)

    def _message(self, now_ms: int, finished: bool) -> bytes:
        bar, first, last = self._history.bar(self._bar_ms, self._length_ms, now_ms)
        return framed(self._tell(bar, first, last, now_ms, finished).encode())
