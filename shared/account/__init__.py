"""The account keeps the money: orders, positions, and what fills make of them. All amounts are Decimal."""

from shared.account.account import Account, Order, Position
from shared.account.round_trips import Fill, RoundTrip, RoundTrips

__all__ = ["Account", "Fill", "Order", "Position", "RoundTrip", "RoundTrips"]
