"""What stands behind the positions."""

from services.gateway.risk.check import Subject
from shared.messages import Reason


def leverage(subject: Subject) -> Reason | None:
    """Closed when all positions together would be more than so many times the equity, or it is not known."""
    equity = subject.context.equity
    if equity is None:
        return Reason.EQUITY_UNKNOWN
    return Reason.LEVERAGE if subject.account_notional > subject.limits.max_leverage * equity else None


def capital(subject: Subject) -> Reason | None:
    """Closed when the books together have more money than their share of the account."""
    equity = subject.context.equity
    if equity is None:
        return Reason.EQUITY_UNKNOWN
    has = subject.limits.max_capital_share * equity
    return Reason.CAPITAL_ABOVE_EQUITY if subject.context.books_balance > has else None
