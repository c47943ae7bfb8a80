"""What an order may be, at most. The defaults let through little."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from shared.config.section import Count, Positive, PositiveMoney, Section

Share = Annotated[Decimal, Field(gt=0, le=1, allow_inf_nan=False)]


class RiskSettings(Section):
    """The limits of an account. Money in quote units; they bind what adds exposure, never what only reduces it.

    max_order_notional: of one order. max_position_notional: of one symbol's position with all orders in flight filled.
    max_leverage: all positions' notional over the account's equity. orders_per_minute: sent within any 60 s.
    daily_loss: fall of the equity since the last UTC midnight. max_drawdown: share of the highest equity seen.
    daily_funding: funding paid since the last UTC midnight, less what was received. All three latch: they hold until
    `tickline resume`.
    collar_bps: how far the venue's quote may be from the decision price. quote_max_age_s: how long ago that quote
    may have been asked for. book_max_lag_s: how long before that the exchange's book may have changed last.
    max_tick_age_s: now against the tick's ts_event. max_prediction_age_s: now against when the order was written, where
    that is known, else against the tick too.
    max_capital_share: the balances of all books over the account's equity.
    symbols: that may be traded; none given means all that are configured. reduce_only: nothing is added any more.
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
