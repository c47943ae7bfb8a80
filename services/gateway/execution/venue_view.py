"""What a comparison asks of the venue, so that its cost grows little with the number of markets.

Open orders, positions and funding payments take one question each, whatever the number of markets, or as many as are
cheaper. Trades do where the venue has them all in one list; where it must be asked symbol by symbol, a round asks for
those that matter now, and for some of the others in turn.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from shared.exchanges.trading.venue import Venue
from shared.orders.reconcile import VenueView

TRADES_A_ROUND = 10  # symbols whose trades a round asks for where they are asked for one by one
NEVER = -1


class Read(NamedTuple):
    """shown: the venue's account. traded: the symbols whose trades are in it."""

    shown: VenueView
    traded: frozenset[str]


class AccountReader:
    """Reads the account round by round. syms: all symbols that are traded."""

    def __init__(self, venue: Venue, syms: Sequence[str]) -> None:
        self._venue = venue
        self._syms = tuple(syms)
        self._round = 0
        self._asked: dict[str, int] = dict.fromkeys(syms, NEVER)
        self._open: frozenset[str] = frozenset()

    async def read(self, at_ms: int, since_ms: int, urgent: Collection[str]) -> Read:
        """One round; VenueError where something is not answered. at_ms: the venue's clock now.

        urgent: symbols whose trades must be among it, beside those that had open orders in the round before. The first
        round has the trades of all symbols. What changes fastest is asked last.
        """
        venue, syms = self._venue, self._syms
        if not venue.fills_at_once and self._round:
            syms = due(self._asked, self._open.union(urgent), TRADES_A_ROUND)
        if not venue.fills_at_once:
            syms = tuple(sym for sym in syms if sym not in venue.gone)
        funding = await venue.funding(since_ms)
        fills = await venue.all_fills(syms, since_ms)
        waiting = await venue.waiting_orders()
        positions = await venue.positions()  # between two heavy questions, so that quotes come in between
        orders = [*waiting, *await venue.all_open_orders()]
        self._round += 1
        self._asked |= dict.fromkeys(syms, self._round)
        self._open = frozenset(order.sym for order in orders)
        return Read(VenueView(at_ms, since_ms, orders, fills, positions, funding), frozenset(syms))


def due(asked: Mapping[str, int], urgent: Collection[str], most: int) -> tuple[str, ...]:
    """The urgent ones, whatever their number, and then those that were not asked for longest, `most` in all.

    asked: when each was asked for.

    >>> due({"A": 3, "B": 1, "C": 2, "D": 4}, ["D"], 2)
    ('D', 'B')
    """
    first = [sym for sym in asked if sym in urgent]
    others = sorted((sym for sym in asked if sym not in urgent), key=lambda sym: asked[sym])
    return tuple(first + others[: max(most - len(first), 1)])
