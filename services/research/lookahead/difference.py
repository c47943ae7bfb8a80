"""Two decisions of one tick, in words."""

from collections.abc import Sequence

from shared.messages import Message, Stream

_MOST_TELLING = (Stream.ORDERS, Stream.DECISIONS, Stream.PREDICTIONS, Stream.FEATURES)


def in_words(one: Sequence[Message], other: Sequence[Message]) -> tuple[str, str]:
    """What differs between the messages of a tick, on both sides: the orders where these do, else what led to them.

    Where people read the same of both, the first field that differs is added.
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
            for field, value in a.content().items():
                if value != b.content()[field]:
                    return f"{left} ({field}={value})", f"{right} ({field}={b.content()[field]})"
    return left, right


def _text(messages: Sequence[Message]) -> str:
    """The last stage's messages."""
    last = [message.human() for message in messages if message.to is messages[-1].to]
    return ", ".join(last) or "nothing"
