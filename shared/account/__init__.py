"""Money: orders, positions and the account that books fills. All Decimal."""

from shared.account.account import Account, Order, Position
from shared.account.round_trips import Fill, RoundTrip, RoundTrips

__all__ = ["Account", "Fill", "Order", "Position", "RoundTrip", "RoundTrips"]
