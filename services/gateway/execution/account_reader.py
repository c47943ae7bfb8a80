"""The venue is asked about the account, all of it, round by round.

The cost of a round grows little with the number of markets. Open orders, positions and funding payments take one
question each, or as many as are cheaper. Trades do where the venue has them all in one list; where it must be asked
symbol by symbol, a round asks for those that matter now, and for some of the others in turn.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from shared.exchanges.trading.venue import Venue
from shared.orders.reconcile import VenueView

TRADES_A_ROUND = 10  # symbols whose trades a round asks for where they are asked for one by one
NEVER = -1


class Read(NamedTuple):
    """A round shows the account as the venue has it, and tells the symbols whose trades are in it (`traded`)."""

    shown: VenueView
    traded: frozenset[str]


class AccountReader:
    """The reader reads the account round by round; syms: all symbols that are traded."""

    def __init__(self, venue: Venue, syms: Sequence[str]) -> None:
        self._venue = venue
        self._syms = tuple(syms)
        self._round = 0
        self._asked: dict[str, int] = dict.fromkeys(syms, NEVER)
        self._open: frozenset[str] = frozenset()

    async def read(self, at_ms: int, since_ms: int, urgent: Collection[str]) -> Read:
        """Returns one round; raises VenueError where something is not answered. What changes fastest is asked last.

        - at_ms: the venue's clock now; since_ms: how far back trades and payments are asked for.
        - urgent: symbols whose trades must be among it, beside those that had open orders in the round before. The
          first round has the trades of all symbols.
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
    """Returns the urgent ones, whatever their number, and then those that were not asked for longest, `most` in all.

    asked: when each was asked for.

    >>> due({"A": 3, "B": 1, "C": 2, "D": 4}, ["D"], 2)
    ('D', 'B')
    """
    first = [sym for sym in asked if sym in urgent]
    others = sorted((sym for sym in asked if sym not in urgent), key=lambda sym: asked[sym])
    return tuple(first + others[: max(most - len(first), 1)])
