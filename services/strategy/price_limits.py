"""An order that adds takes no price far from the decision's: each order of a decision becomes what is sent of it."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from shared.account import Order
from shared.account.paper_fill import PaperFill, within
from shared.config import Settings
from shared.config.strategy import BPS
from shared.messages import Leg

_NO_SLIPPAGE = PaperFill(Decimal(0), Decimal(0))
_CLOSE, _OPEN = Leg.CLOSE, Leg.OPEN
_new = tuple.__new__  # of a named tuple, at half the cost of its constructor


class SentOrder(NamedTuple):
    """A sent order is an order, or a part of one, as the gateway gets it.

    - reduce_only: it may not add. limit_price: None for a market order; else what is not had at once is canceled.
    """

    leg: Leg
    signed_qty: Decimal
    reduce_only: bool
    limit_price: Decimal | None


class PriceLimits:
    """Price limits say at which price each order of a decision is sent, and split the one that reduces and adds.

    - What only adds is bound: its limit is the decision price and `max_bps` beyond, or its author's where that is
      tighter.
    - What only reduces takes any price, unless its author gave it a limit, or `reducing`: then it is bound likewise.
    - What does both becomes two: a close leg for all that is held, and an open leg for the rest.

    - max_bps: basis points; None: an order has the limit of its author, or none, and nothing is split.
    - reducing: whether what only reduces is bound, too.
    - fill: what the paper venue assumes of a fill.

    >>> limits = PriceLimits(Decimal(50))
    >>> for sent in limits.sent([Order("BTCUSDT", Decimal(-5), Leg.NET)], Decimal(2), Decimal(100)):
    ...     print(sent.leg, sent.signed_qty, sent.reduce_only, sent.limit_price)
    close -2 True None
    open -3 False 99.500
    """

    def __init__(
        self, max_bps: Decimal | None = None, *, reducing: bool = False, fill: PaperFill = _NO_SLIPPAGE
    ) -> None:
        self._buy = self._sell = Decimal(1)
        if max_bps is not None:
            self._buy, self._sell = 1 + max_bps / BPS, 1 - max_bps / BPS
        self._bound, self._reducing, self._fill = max_bps is not None, reducing, fill

    @classmethod
    def of(cls, settings: Settings) -> "PriceLimits":
        """Returns the limits of a config."""
        own, gateway = settings.strategy, settings.gateway
        fill = PaperFill(gateway.fee, gateway.slippage_bps)
        return cls(own.limit_bps, reducing=own.reduce == "ioc", fill=fill)

    def aim(self, orders: Iterable[Order], held: Decimal, price: Decimal) -> Decimal:
        """Returns the position that a decision's orders lead to, by the paper venue's rule.

        One whose author's limit is tighter than the slippage assumed misses, and what closes and misses lets nothing
        open. Our own limit is never tighter: a config is refused where it is.
        """
        for order in orders:
            own = order.limit_price
            if own is not None and not within(own, order.signed_qty, self._fill.of(order.signed_qty, price)[0]):
                if order.leg is _CLOSE:
                    break
                continue
            held += order.signed_qty
        return held

    def sent(self, orders: Iterable[Order], held: Decimal, price: Decimal) -> Iterator[SentOrder]:
        """Yields what is sent of a decision's orders, in their order.

        - held: the position before them, signed base units, without dust. price: the decision's.
        """
        if not self._bound:
            for order in orders:
                leg = order.leg
                yield _new(
                    SentOrder, (leg, +order.signed_qty, leg is _CLOSE, order.limit_price)
                )  # of 28 digits, as below
            return
        for order in orders:
            leg, qty, own = order.leg, +order.signed_qty, order.limit_price
            limit = price * (self._sell if qty.is_signed() else self._buy)
            if own is not None:
                limit = max(own, limit) if qty.is_signed() else min(own, limit)  # the tighter one
            reduces = leg is _CLOSE or (bool(held) and held.is_signed() is not qty.is_signed())
            if not reduces:
                yield _new(SentOrder, (leg, qty, False, limit))
            elif leg is _CLOSE or qty.copy_abs() <= held.copy_abs():
                yield _new(SentOrder, (leg, qty, True, limit if self._reducing else own))
            else:
                yield _new(SentOrder, (_CLOSE, held.copy_negate(), True, limit if self._reducing else own))
                yield _new(SentOrder, (_OPEN, qty + held, False, limit))
            held += qty
