"""Websocket messages as bytes on the wire, made once for all clients: a server's frames are not masked.

https://www.rfc-editor.org/rfc/rfc6455#section-5.2
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import chain, pairwise
from typing import TypeAlias

from services.simulator.engine.trade_history import TradeHistory

TEXT = b"\x81"
SHORT, MIDDLE, LONG = 125, 126, 127
BLOCK = 512
KEPT = 16
# Makes a trade's message out of its id, time, price in ticks, quantity in steps, and whether the taker sold.
TradeMessage: TypeAlias = Callable[[int, int, int, int, bool], str]


def framed(text: bytes) -> bytes:
    """Returns a text as a whole websocket message.

    >>> framed(b"{}")
    b'\\x81\\x02{}'
    """
    size = len(text)
    if size <= SHORT:
        return TEXT + bytes((size,)) + text
    if size < 1 << 16:
        return TEXT + bytes((MIDDLE,)) + size.to_bytes(2, "big") + text
    return TEXT + bytes((LONG,)) + size.to_bytes(8, "big") + text


def unframed(frame: bytes) -> bytes:
    """Returns the text of what `framed` made.

    >>> [unframed(framed(b"x" * size)) == b"x" * size for size in (0, 125, 126, 65535, 65536)]
    [True, True, True, True, True]
    """
    return frame[{MIDDLE: 4, LONG: 10}.get(frame[1], 2) :]


class FrameBlocks:
    """The frames of a market's trades, in blocks of 512.

    - message: makes a trade's message.
    - kept: so many blocks are kept, and the oldest goes first.
    """

    def __init__(self, history: TradeHistory, message: TradeMessage, kept: int = KEPT) -> None:
        self._history, self._message, self._kept = history, message, kept
        self._blocks: OrderedDict[int, list[bytes]] = OrderedDict()

    def between(self, first: int, last: int) -> Sequence[bytes]:
        """Returns the frames of trades by index, `last` not included."""
        number = first // BLOCK
        if number == (last - 1) // BLOCK:
            return self._block(number)[first - number * BLOCK : last - number * BLOCK]
        edges = [first, *range((number + 1) * BLOCK, last, BLOCK), last]
        return list(chain.from_iterable(self.between(*pair) for pair in pairwise(edges)))

    def _block(self, number: int) -> list[bytes]:
        block = self._blocks.get(number)
        if block is None:
            rows = self._history.rows(number * BLOCK, (number + 1) * BLOCK)
            block = [framed(self._message(*row).encode()) for row in zip(*rows, strict=True)]
            self._blocks[number] = block
            while len(self._blocks) > self._kept:
                self._blocks.popitem(last=False)
        return block


def digits(step: Decimal) -> Callable[[int], str]:
    """Returns a function that writes a count of steps as an exchange does, without arithmetic on decimals.

    >>> digits(Decimal("0.10"))(420001), digits(Decimal("0.001"))(7), digits(Decimal("5"))(3)
    ('42000.10', '0.007', '15')
    """
    sign, parts, exponent = step.as_tuple()
    assert sign == 0
    assert isinstance(exponent, int)
    unit = int("".join(map(str, parts)))
    places = max(-exponent, 0)
    if places == 0:
        whole = unit * 10**exponent
        return lambda count: str(count * whole)
    scale = 10**places

    def text(count: int) -> str:
        before, behind = divmod(count * unit, scale)
        return f"{before}.{behind:0{places}d}"

    return text
