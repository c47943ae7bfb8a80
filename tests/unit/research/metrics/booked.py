"""Round trips and totals for the tests of metrics."""

from decimal import Decimal
from typing import Any

from services.research.backtest.observer import Totals
from shared.account import RoundTrip

HOUR = 3_600 * 10**9


def trip(
    side: int, gross: str, fee: str, *, entry: str = "50", qty: str = "2", hours: int = 12, log: float = 0.0
) -> RoundTrip:
    """A closed round trip; `log` is its trade_log_return."""
    sized = Decimal(qty) * side
    leaving = Decimal(entry) + Decimal(gross) / sized
    net = Decimal(gross) - Decimal(fee)
    return RoundTrip(
        datetime=HOUR, exit_datetime=(1 + hours) * HOUR, sym="BTCUSDT", y_hat=0.01, dir_signal=side,
        signed_qty=sized, entry_price=Decimal(entry), exit_price=leaving, trade_log_return=log,
        gross_pnl=Decimal(gross), fee=Decimal(fee), net_pnl=net, equity=Decimal(100),
    )  # fmt: skip


def totals(end: float | str = 100, start: float | str = 100, **others: Any) -> Totals:
    """Totals without trades, but for `others`."""
    zero = Decimal(0)
    nothing = Totals(
        start_equity=Decimal(str(start)), end_equity=Decimal(str(end)), fees=zero, funding=zero, slippage=zero,
        turnover=zero, bars=0, fills=0, missed=0, expired=0, liquidations=0, first_ts=0, last_ts=0, open_trip=None,
        unrealised=zero,
    )  # fmt: skip
    return nothing._replace(**others)
