"""All gates, in the order in which they are asked; the first that is closed gives the reason."""

from services.gateway.risk.check import Check
from services.gateway.risk.checks.ages import prediction_age, tick_age
from services.gateway.risk.checks.armed import armed, armed_notional
from services.gateway.risk.checks.blocked import blocked
from services.gateway.risk.checks.equity import capital, leverage
from services.gateway.risk.checks.halt import halt
from services.gateway.risk.checks.latch import latch
from services.gateway.risk.checks.losses import daily_loss, drawdown, seen_once
from services.gateway.risk.checks.meant_to_reduce import meant_to_reduce
from services.gateway.risk.checks.notional import order_notional, position_notional
from services.gateway.risk.checks.quote import collar, fresh_quote
from services.gateway.risk.checks.rate import rate
from services.gateway.risk.checks.reconciled import reconciled
from services.gateway.risk.checks.reduce_only import reduce_only
from services.gateway.risk.checks.symbol import symbol
from services.gateway.risk.checks.unknown_order import unknown_order

CHECKS = (
    Check("halt", halt, binds_reducing=True, of_book=True),
    Check("unknown order", unknown_order, binds_reducing=True, holds=True),
    Check("symbols", symbol, of_book=True),
    Check("reduce_only", reduce_only, of_book=True),
    Check("meant to reduce", meant_to_reduce, of_book=True),
    Check("blocked", blocked),
    Check("latches", latch, of_book=True),
    Check("daily_loss", daily_loss, of_book=True),
    Check("max_drawdown", drawdown, of_book=True),
    Check("armed", armed),
    Check("max_tick_age_s", tick_age),
    Check("max_prediction_age_s", prediction_age),
    Check("fresh quote", fresh_quote),
    Check("collar_bps", collar),
    Check("max_order_notional", order_notional, of_book=True),
    Check("max_position_notional", position_notional, of_book=True),
    Check("armed notional", armed_notional),
    Check("max_leverage", leverage, of_book=True),
    Check("max_capital_share", capital),
    Check("orders_per_minute", rate),
    Check("loss seen once", seen_once, holds=True, of_book=True),
    Check("reconciled", reconciled, holds=True),  # last: what would be refused anyway need not wait
)
