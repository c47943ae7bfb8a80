"""A digest says in 8 bytes what was decided at a tick, so that a whole run can be compared with another."""

from array import array
from collections.abc import Callable, Sequence
from hashlib import blake2b

from shared.messages import Message, OrderIntent, Prediction, Stream
from shared.messages.codec import encode

DECIDED = frozenset({Stream.FEATURES, Stream.PREDICTIONS, Stream.DECISIONS, Stream.ORDERS})
_DIGEST = 8  # bytes: one item of array("Q")


def compared(message: Message) -> Message:
    """Returns a message as it is compared: an order without its `by`, which names the copy that a strategy may read."""
    return message.model_copy(update={"by": ""}) if type(message) is OrderIntent and message.by else message


OnTick = Callable[[int, int, list[Message]], None]  # the tick's n, its digest, what was decided at it


class PerTick:
    """This tap gathers what is decided between a tick and the next, and hands it on with a digest of its content.

    Executions are not among it: with `--fill next_open` they rightly depend on the bar after the decision.
    """

    def __init__(self, on_tick: OnTick) -> None:
        self._on_tick = on_tick
        self._n = 0
        self._decided: list[Message] = []

    def __call__(self, message: Message) -> None:
        """Takes the next message of the line."""
        if message.to is Stream.TICKS:
            self.end()
            self._n = message.n
        elif message.to in DECIDED:
            self._decided.append(compared(message))

    def end(self) -> None:
        """Hands on the tick at hand: it was the last so far."""
        if self._n:
            n, decided = self._n, self._decided
            self._n, self._decided = 0, []
            self._on_tick(n, digest_of(decided), decided)


class TickDigests:
    """Keeps the digests of a whole run: 8 bytes a tick.

    - decided_at: n of each tick with a decision, ascending.
    - predicted_from: of the first one with a y_hat, 0 before it.
    """

    def __init__(self) -> None:
        self._first_n = 0
        self.predicted_from = 0
        self.decided_at = array("Q")
        self._digests = array("Q")

    def on_tick(self, n: int, digest: int, decided: list[Message]) -> None:
        """Keeps the digest of tick n."""
        self._first_n = self._first_n or n
        self._digests.append(digest)
        if not self.predicted_from and any(type(each) is Prediction and each.y_hat is not None for each in decided):
            self.predicted_from = n
        if any(message.to is Stream.DECISIONS for message in decided):
            self.decided_at.append(n)

    def digest(self, n: int) -> int:
        """Returns the digest of tick n."""
        return self._digests[n - self._first_n]


def digest_of(decided: Sequence[Message]) -> int:
    """Returns a digest of messages as they go over the wire."""
    found = blake2b(digest_size=_DIGEST)
    for message in decided:
        content = encode(message)
        found.update(f"{message.to} {len(content)} ".encode())
        found.update(content)
    return int.from_bytes(found.digest(), "big")


_MOST_TELLING = (Stream.ORDERS, Stream.DECISIONS, Stream.PREDICTIONS, Stream.FEATURES)


def in_words(one: Sequence[Message], other: Sequence[Message]) -> tuple[str, str]:
    """Tells what differs between the messages of a tick, on both sides.

    That is the orders where these differ, else what led to them. Where people read the same of both, the first field
    that differs is added.
    """
    for stream in _MOST_TELLING:
        mine, others = ([message for message in side if message.to is stream] for side in (one, other))
        if mine != others:
            break
    else:
        return _text(one), _text(other)
    left, right = _text(mine or one), _text(others or other)
    if left == right:
        for a, b in zip(mine, others, strict=False):
            if (differs := a.first_difference(b)) is not None:
                field, one_has, other_has = differs
                return f"{left} ({field}={one_has})", f"{right} ({field}={other_has})"
    return left, right


def _text(messages: Sequence[Message]) -> str:
    """Returns the last stage's messages."""
    last = [message.human() for message in messages if message.to is messages[-1].to]
    return ", ".join(last) or "nothing"
