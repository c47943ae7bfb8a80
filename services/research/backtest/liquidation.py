"""When a leveraged position is closed by the venue."""

from decimal import Decimal

from shared.account import Position


def liquidation_price(position: Position, leverage: Decimal, maintenance_margin: Decimal) -> Decimal:
    """Where the margin of an isolated position in a linear contract has fallen to the maintenance margin.

    With entry price p, leverage l and maintenance margin rate m: long p (l − 1) / (l (1 − m)), short
    p (l + 1) / (l (1 + m)). There p / l + (price − p) = m × price, for one unit held long. A long without leverage is
    never liquidated: 0 or below. The author's part two has an inverse contract's formula: docs/research/backtest.md.

    >>> long, short = (Position("BTCUSDT", Decimal(qty), Decimal(100)) for qty in (1, -1))
    >>> liquidation_price(long, Decimal(10), Decimal(0)), liquidation_price(short, Decimal(10), Decimal(0))
    (Decimal('90'), Decimal('110'))
    """
    entry, one = position.price, Decimal(1)
    if position.signed_qty.is_signed():
        return entry * (leverage + one) / (leverage * (one + maintenance_margin))
    return entry * (leverage - one) / (leverage * (one - maintenance_margin))


def liquidated_at(position: Position, price: Decimal, first: Decimal, high: Decimal, low: Decimal) -> Decimal | None:
    """The price at which a bar liquidates a position whose liquidation price is `price`; None where it does not.

    A bar that opened beyond it gapped through: then it is the open.

    >>> long = Position("BTCUSDT", Decimal(1), Decimal(100))
    >>> bars = ((98, 99, 91), (98, 99, 85), (88, 95, 85))  # open, high, low
    >>> [liquidated_at(long, Decimal(90), *map(Decimal, bar)) for bar in bars]
    [None, Decimal('90'), Decimal('88')]
    """
    if position.signed_qty.is_signed():
        return max(price, first) if high >= price else None
    return min(price, first) if low <= price else None
