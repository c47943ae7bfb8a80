"""What a dialect of websockets is to the feed: streams by name, and how a client asks for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class Stream(Protocol):
    """A client's place in a market's messages."""

    def take(self, now_ms: int, most: int) -> Sequence[bytes]:
        """The next frames, at most so many of those due by now."""

    def due_ms(self) -> int | None:
        """When there is something to take, at the earliest; None: never."""


class Unknown(Exception):
    """The venue has no stream of this name."""


class Wanted(NamedTuple):
    """What a client's message asks for. replies: by `done`, once for the names that were taken."""

    subscribe: Sequence[str] = ()
    unsubscribe: Sequence[str] = ()
    number: object = None
    kind: str = ""


@dataclass
class Talk:
    """One connection's way of speaking. names: subscribed to by the URL. combined: see Binance."""

    names: Sequence[str] = ()
    combined: bool = False
    state: dict[str, object] = field(default_factory=dict)


class Streams(Protocol):
    """All streams of one venue."""

    def talk(self, path: Sequence[str], query: Mapping[str, str]) -> Talk | None:
        """How it speaks at this address; None: nobody is there."""

    def heard(self, talk: Talk, text: str) -> Wanted:
        """What a message asks for. Raises ValueError for one that makes no sense."""

    def told(self, talk: Talk, wanted: Wanted, refused: Sequence[str], open_: Sequence[str]) -> Sequence[str]:
        """The answers to it, when it is done. refused: the names that there are not."""

    def nonsense(self, talk: Talk, text: str, error: Exception) -> str:
        """The answer to what makes no sense."""

    def stream(self, name: str, now_ms: int) -> Stream | None:
        """From now on; None where it never says anything. Raises Unknown."""

    def wrapped(self, talk: Talk, name: str, frame: bytes) -> bytes:
        """A stream's frame as this connection gets it."""
