"""Room for what an order costs, where the venue wants it out of the same money."""

from decimal import Decimal

from shared.strategies.decider import Decider

_BPS = Decimal(10_000)


def with_reserve(decider: Decider, fee: Decimal, slippage_bps: Decimal) -> Decider:
    """The decider with a little less leverage: a position opened and closed again costs twice fee and slippage.

    fee: a share of each fill's value. A venue refuses an order for all of the money, since nothing is left for its fee.
    A decider without the parameter `leverage` stays as it is.

    >>> from shared.strategies import BasicTaker
    >>> with_reserve(BasicTaker(), Decimal("0.0005"), Decimal(5)).leverage
    Decimal('0.9980039920159680638722554890')
    """
    leverage = getattr(decider, "leverage", None)
    if not isinstance(leverage, Decimal):
        return decider
    cost = 2 * (fee + slippage_bps / _BPS)
    return decider.model_copy(update={"leverage": leverage / (1 + leverage * cost)})
