"""The venue's own price, now."""

from services.gateway.risk.check import Subject
from shared.messages import Reason

BPS = 10_000


def fresh_quote(subject: Subject) -> Reason | None:
    """Closed without one of this symbol, and with one that is too old or has no two sides."""
    quote = subject.context.quote
    if quote is None or quote.sym != subject.asked.sym or not 0 < quote.bid <= quote.ask:
        return Reason.NO_FRESH_QUOTE
    age_ms = subject.context.now_ms - quote.at_ms
    return Reason.NO_FRESH_QUOTE if abs(age_ms) > subject.limits.quote_max_age_s * 1_000 else None


def collar(subject: Subject) -> Reason | None:
    """Closed when the side that the order would meet is too far from the decision price, whichever way."""
    quote, price = subject.context.quote, subject.asked.price
    if quote is None:
        return Reason.NO_FRESH_QUOTE
    met = quote.ask if subject.asked.signed_qty > 0 else quote.bid
    return Reason.PRICE_COLLAR if abs(met - price) * BPS > subject.limits.collar_bps * price else None
