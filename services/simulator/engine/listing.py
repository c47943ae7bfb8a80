"""A market as an exchange lists it. All quantities are base units; a dialect turns them into its own contracts."""

from decimal import Decimal
from typing import Literal, NamedTuple


class Listing(NamedTuple):
    """A listing describes one market: its coins, its steps and its limits.

    - id: the exchange's own name for it.
    - price: the first mid price.
    - tick: the price's step.
    - step, min_qty: of the quantity.
    - min_notional: of an order, in the quote currency.
    - contract_size: base units of one contract, where the exchange counts contracts.
    - most_limit, most_market: the largest order with a price and without one.
    - limit_step: of a limit, where that is finer than the tick of best prices; 0: it is not.
    - price_up, price_down: the highest limit of a buy and the lowest of a sale, as shares of the mark price.
    """

    id: str
    kind: Literal["swap", "spot"]
    base: str
    quote: str
    price: Decimal
    tick: Decimal
    step: Decimal
    min_qty: Decimal
    min_notional: Decimal = Decimal(0)
    contract_size: Decimal = Decimal(1)
    most_leverage: int = 100
    most_limit: Decimal = Decimal(1000)
    most_market: Decimal = Decimal(120)
    price_up: Decimal = Decimal("1.05")
    price_down: Decimal = Decimal("0.95")
    limit_step: Decimal = Decimal(0)
