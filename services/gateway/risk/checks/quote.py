"""The venue's own price, now."""

from services.gateway.risk.check import Subject
from shared.messages import Reason

BPS = 10_000
MS = 1_000


def fresh_quote(subject: Subject) -> Reason | None:
    """Closed without one of this symbol, and with one that is too old or has no two sides.

    Its age is since it was asked for: a book that does not change is a quiet market. One that has not changed for very
    long may be an engine that stands still, and where the market is closed no age is young.
    """
    quote = subject.context.quote
    if quote is None or quote.sym != subject.asked.sym or not 0 < quote.bid <= quote.ask:
        return Reason.NO_FRESH_QUOTE
    age_ms = subject.context.now_ms - quote.at_ms
    lag_ms = 0 if quote.book_ms is None else quote.at_ms - quote.book_ms
    too_old = abs(age_ms) > subject.limits.quote_max_age_s * MS or lag_ms > subject.limits.book_max_lag_s * MS
    return Reason.NO_FRESH_QUOTE if too_old or not quote.trading else None


def collar(subject: Subject) -> Reason | None:
    """Closed when the side that the order would meet is too far from the decision price, whichever way."""
    quote, price = subject.context.quote, subject.asked.price
    if quote is None:
        return Reason.NO_FRESH_QUOTE
    met = quote.ask if subject.asked.signed_qty > 0 else quote.bid
    return Reason.PRICE_COLLAR if abs(met - price) * BPS > subject.limits.collar_bps * price else None
