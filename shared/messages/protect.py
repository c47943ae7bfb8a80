"""Terms say how far the stops of a position lie: the config has them, simulated and real stops compute by them."""

from decimal import Decimal
from typing import NamedTuple

from shared.messages.reasons import StopKind

_BPS = Decimal(10_000)


class ProtectTerms(NamedTuple):
    """The terms say how far a position's stops lie from the price that they hang on, in basis points of it.

    That is the decision price of the order that opened the position. What is added later does not change it.

    >>> terms = ProtectTerms(stop_bps=Decimal(250), take_profit_bps=Decimal(500))
    >>> str(terms.price(StopKind.STOP, Decimal(42000), long=True))
    '40950.000'
    """

    stop_bps: Decimal | None = None
    take_profit_bps: Decimal | None = None
    trail_bps: Decimal | None = None

    def distance(self, kind: StopKind) -> Decimal | None:
        """Returns the distance of a kind, in basis points; None where there is no such stop."""
        if kind is StopKind.STOP:
            return self.stop_bps
        return self.take_profit_bps if kind is StopKind.TAKE_PROFIT else self.trail_bps

    def price(self, kind: StopKind, hangs_on: Decimal, *, long: bool) -> Decimal | None:
        """Returns what triggers a stop, exact, unrounded; None where there is no such stop.

        - hangs_on: of a TRAIL the best price so far. long: whether a long position is held.
        """
        bps = self.distance(kind)
        if bps is None:
            return None
        above = (kind is StopKind.TAKE_PROFIT) is long
        return hangs_on * (1 + bps / _BPS if above else 1 - bps / _BPS)
