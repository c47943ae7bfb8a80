"""The trades of an order that is over, and what their fees are worth in its quote currency."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import structlog

from services.gateway.venues.venue import MarketRules, Venue
from shared.errors import VenueError
from shared.orders import Life, VenueFill
from shared.orders.fees import third_currencies

log = structlog.get_logger()

CLOCK_ERROR_MS = 60_000  # our idea of the venue's clock is not exact: its trade may seem older than our request


class Trades(NamedTuple):
    """prices: of the fee currencies that are neither quote nor base (e.g. BNB). unpriced: those that have none."""

    fills: tuple[VenueFill, ...] = ()
    prices: Mapping[str, Decimal] = {}
    unpriced: tuple[str, ...] = ()


def base_held(rules: MarketRules) -> str:
    """The currency in which a spot position is held; nothing on a swap."""
    return rules.base if rules.kind == "spot" else ""


async def trades_of(venue: Venue, sym: str, life: Life) -> Trades:
    """As far as the venue tells them now; it is asked, so it takes a while."""
    if not life.filled_qty:
        return Trades()
    try:
        found = await venue.fills(sym, life.at_ms - CLOCK_ERROR_MS)
    except VenueError as error:
        log.warning("trades cannot be read", sym=sym, why=str(error))
        return Trades()
    fills = tuple(fill for fill in found if fill.venue_order_id == life.venue_order_id)
    rules = venue.rules(sym)
    prices, unpriced = dict[str, Decimal](), []
    for currency in sorted(third_currencies(fills, rules.quote, base_held(rules))):
        try:
            prices[currency] = await venue.price(currency, rules.quote)
        except VenueError as error:
            log.warning("a fee has no price", sym=sym, currency=currency, why=str(error))
            unpriced.append(currency)
    return Trades(fills, prices, tuple(unpriced))
