"""What a backtest comes to."""

from decimal import Decimal
from typing import NamedTuple

from shared.account import Fill


class Totals(NamedTuple):
    """Sums over a whole backtest; money in quote units.

    fees: commissions. funding: paid, less received. slippage: what it cost, Σ |qty| × |fill price − price without it|.
    turnover: Σ |qty| × fill price. bars: those traded on, without those that only warmed the features. fills: with
    those of liquidations. expired: orders that never filled. first_ts, last_ts: ends of the first and the last bar.
    open_trip: what is still held, as one fill at its average entry price; unrealised: its profit at the last close.
    """

    start_equity: Decimal
    end_equity: Decimal
    fees: Decimal
    funding: Decimal
    slippage: Decimal
    turnover: Decimal
    bars: int
    fills: int
    expired: int
    liquidations: int
    first_ts: int
    last_ts: int
    open_trip: Fill | None
    unrealised: Decimal
