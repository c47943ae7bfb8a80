"""A paper fill says what an order costs that is filled at a known price."""

from decimal import Decimal

_BPS = Decimal(10_000)


class PaperFill:
    """A paper fill computes price and commission from a reference price; it rounds nothing.

    - price: the reference price × (1 ± slippage_bps / 10⁴), against the order.
    - commission: fee × |qty| × that price, in quote units.

    >>> PaperFill(Decimal("0.001"), Decimal(10)).of(Decimal(2), Decimal(50))
    (Decimal('50.050'), Decimal('0.100100'))
    """

    __slots__ = ("_buy", "_fee", "_sell", "_slips")

    def __init__(self, fee: Decimal, slippage_bps: Decimal) -> None:
        self._fee = fee
        self._buy = 1 + slippage_bps / _BPS
        self._sell = 1 - slippage_bps / _BPS
        self._slips = slippage_bps != 0

    def of(self, signed_qty: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
        """Returns price and commission of an order of `signed_qty` when the market is at `price`."""
        if self._slips:
            price = price * (self._sell if signed_qty.is_signed() else self._buy)
        return price, self._fee * signed_qty.copy_abs() * price


def within(limit_price: Decimal, signed_qty: Decimal, price: Decimal) -> bool:
    """Says whether an order of `signed_qty` takes a price, i.e. whether that is no worse than its limit.

    >>> buys, sells, limit = Decimal(2), Decimal(-2), Decimal(50)
    >>> [within(limit, qty, Decimal(price)) for qty in (buys, sells) for price in ("49.9", "50", "50.1")]
    [True, True, False, False, True, True]
    """
    return price >= limit_price if signed_qty.is_signed() else price <= limit_price
