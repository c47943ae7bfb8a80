"""What is asked of a venue."""

from decimal import Decimal
from typing import NamedTuple


class OrderRequest(NamedTuple):
    """A market order as it is sent, once.

    signed_qty: base units, > 0 buys, already truncated to the venue's step. at_ms: the timestamp that goes into the
    signature, on the venue's clock; the request cannot be accepted after at_ms + validity_ms. row: the position that it
    closes, where the venue has several of one market; empty for the one that is traded here.

    >>> OrderRequest("BTCUSDT", "a1b2c3d4", Decimal("0.001"), False, at_ms=1_000, validity_ms=5_000).valid_until_ms
    6000
    """

    sym: str
    client_order_id: str
    signed_qty: Decimal
    reduce_only: bool
    at_ms: int
    validity_ms: int
    row: str = ""

    @property
    def valid_until_ms(self) -> int:
        """When the request's validity is over, on the venue's clock."""
        return self.at_ms + self.validity_ms
