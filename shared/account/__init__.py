"""Money: orders, positions and the account that books fills. All Decimal."""

from shared.account.account import Account
from shared.account.order import Order
from shared.account.position import Position

__all__ = ["Account", "Order", "Position"]
