"""How a book takes a report: the same in the strategy, in the gateway's copy of it, and out of the journal."""

from decimal import Decimal

from shared.account.account import Account
from shared.messages.orders import ExecutionReport
from shared.messages.reasons import Leg

_FUNDING = Leg.FUNDING


def book_report(account: Account, report: ExecutionReport) -> Decimal:
    """Book a fill, a funding payment, a new capital, or nothing; return what it cost in fees and funding, quote units.

    >>> from shared.messages import OrderStatus
    >>> account = Account(Decimal(100))
    >>> report = ExecutionReport(
    ...     n=1, sym="BTCUSDT", ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id="0" * 32, leg=Leg.OPEN,
    ...     status=OrderStatus.FILLED, last_qty=Decimal(2), last_px=Decimal(50), commission=Decimal("0.1"), reason=None,
    ... )
    >>> book_report(account, report), account.balance()
    (Decimal('0.1'), Decimal('99.9'))
    """
    commission = report.commission
    if report.leg is _FUNDING:
        account.update(-commission)
        return commission
    if report.capital is not None:
        account.fund(report.capital)
        return commission
    cost = Decimal(0)
    if report.last_px is not None and report.last_qty:
        account.book(report.sym, report.last_qty, report.last_px, commission)
        cost = commission
    if report.dust:
        account.leave(report.sym)
    return cost
