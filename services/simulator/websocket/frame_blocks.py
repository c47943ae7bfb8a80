"""The messages of a tape's trades, made once for all clients."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import chain, pairwise
from typing import TypeAlias

from services.simulator.engine.trade_history import TradeHistory
from services.simulator.websocket.frames import framed

BLOCK = 512
KEPT = 16
Make: TypeAlias = Callable[[int, int, int, int, bool], str]


class FrameBlocks:
    """make: a trade's JSON from its id, time, price in ticks, quantity in steps, and whether it sold.

    Blocks are kept, `kept` of them, the oldest asked for goes first.
    """

    def __init__(self, tape: TradeHistory, make: Make, kept: int = KEPT) -> None:
        self._tape, self._make, self._kept = tape, make, kept
        self._blocks: OrderedDict[int, list[bytes]] = OrderedDict()

    def between(self, first: int, last: int) -> Sequence[bytes]:
        """Of the trades by index, `last` not included."""
        number = first // BLOCK
        if number == (last - 1) // BLOCK:
            return self._block(number)[first - number * BLOCK : last - number * BLOCK]
        edges = [first, *range((number + 1) * BLOCK, last, BLOCK), last]
        return list(chain.from_iterable(self.between(*pair) for pair in pairwise(edges)))

    def _block(self, number: int) -> list[bytes]:
        block = self._blocks.get(number)
        if block is None:
            rows = self._tape.rows(number * BLOCK, (number + 1) * BLOCK)
            block = [framed(self._make(*row).encode()) for row in zip(*rows, strict=True)]
            self._blocks[number] = block
            while len(self._blocks) > self._kept:
                self._blocks.popitem(last=False)
        return block
