"""The limits say what an order may be, at most; their defaults let through little."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from shared.config.section import Count, Positive, PositiveMoney, Section

Share = Annotated[Decimal, Field(gt=0, le=1, allow_inf_nan=False)]


class RiskSettings(Section):
    """The limits of one account bind what adds exposure, never what only reduces it. Money in quote units.

    Sizes and rates:

    - max_order_notional: the notional of one order.
    - max_position_notional: the notional of one symbol's position with all its orders in flight filled.
    - max_leverage: the notional of all positions over the account's equity.
    - max_capital_share: the balances of all books over the account's equity.
    - orders_per_minute: orders sent within any 60 s.

    Losses; each of these three latches, until `tickline resume`:

    - daily_loss: fall of the equity since the last UTC midnight.
    - max_drawdown: fall of the equity, as a share of the highest equity seen.
    - daily_funding: funding paid since the last UTC midnight, less funding received.

    Prices and ages:

    - collar_bps: distance between the venue's quote and the decision price.
    - quote_max_age_s: time since the gateway asked for that quote.
    - book_max_lag_s: time from the last change of the exchange's book to that question.
    - max_tick_age_s: time since the tick's ts_event.
    - max_prediction_age_s: time since the order was written where that is known, else since the tick's ts_event.

    What may trade:

    - symbols: those that may add exposure; none given means all that are configured.
    - reduce_only: nothing adds exposure any more.
    """

    max_order_notional: PositiveMoney = Decimal(100)
    max_position_notional: PositiveMoney = Decimal(100)
    max_leverage: PositiveMoney = Decimal(1)
    orders_per_minute: Count = 10
    daily_loss: PositiveMoney = Decimal(10)
    max_drawdown: Share = Decimal("0.1")
    daily_funding: PositiveMoney = Decimal(5)
    collar_bps: PositiveMoney = Decimal(50)
    quote_max_age_s: Positive = 5.0
    book_max_lag_s: Positive = 120.0
    max_tick_age_s: Positive = 60.0
    max_prediction_age_s: Positive = 30.0
    max_capital_share: Share = Decimal(1)
    symbols: tuple[str, ...] = ()
    reduce_only: bool = False
