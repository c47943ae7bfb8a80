"""The name of an order: the same wherever and whenever the same decision is made again."""

from hashlib import blake2b

from shared.messages import Leg


def client_order_id(book: str, tr: str, leg: Leg) -> str:
    """32 hex digits from the book (mode, venue, account, strategy, run), the tick's trace id and the leg.

    >>> client_order_id("paper:paper:basic_taker:run1", "replay:BTCUSDT:1:1", Leg.OPEN)
    '7f36d2d8e45562c7e4bf2328e23b6c08'
    """
    return blake2b(f"{book}|{tr}|{leg}".encode(), digest_size=16).hexdigest()
