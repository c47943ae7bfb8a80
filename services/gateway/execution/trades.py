"""The trades of an order that is over, and what their fees are worth in its quote currency."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import structlog

from shared.errors import VenueError
from shared.exchanges.trading.venue import MarketRules, NoPrice, Venue
from shared.orders import OrderState, VenueFill
from shared.orders.fees import paid_in, third_currencies

log = structlog.get_logger()

CLOCK_ERROR_MS = 60_000  # our idea of the venue's clock is not exact: its trade may seem older than our request


class Trades(NamedTuple):
    """prices: of the fee currencies that are neither quote nor base (e.g. BNB), 0 of those without one, for good.

    worthless: these, with what was paid of them. unpriced: those whose price could not be had now.
    """

    fills: tuple[VenueFill, ...] = ()
    prices: Mapping[str, Decimal] = {}
    unpriced: tuple[str, ...] = ()
    worthless: Mapping[str, Decimal] = {}

    def elsewhere(self) -> Decimal:
        """What the fees in such currencies were worth, quote units: the balance does not show them."""
        return sum((price * paid_in(coin, self.fills) for coin, price in self.prices.items()), Decimal(0))


def base_held(rules: MarketRules) -> str:
    """The currency in which a spot position is held; nothing on a swap."""
    return rules.base if rules.kind == "spot" else ""


async def trades_of(venue: Venue, sym: str, state: OrderState, *, last: bool = False) -> Trades:
    """As far as the venue tells them now; it is asked, so it takes a while. last: no price is waited for any more."""
    if not state.filled_qty:
        return Trades()
    try:
        found = await venue.fills(sym, state.at_ms - CLOCK_ERROR_MS)
    except VenueError as error:
        log.warning("trades cannot be read", sym=sym, why=str(error))
        return Trades()
    fills = tuple(fill for fill in found if fill.venue_order_id == state.venue_order_id)
    rules = venue.rules(sym)
    prices, unpriced, worthless = dict[str, Decimal](), [], dict[str, Decimal]()
    for currency in sorted(third_currencies(fills, rules.quote, base_held(rules))):
        try:
            prices[currency] = await venue.price(currency, rules.quote)
        except VenueError as error:
            log.warning("a fee has no price", sym=sym, currency=currency, why=str(error))
            if last or isinstance(error, NoPrice):
                prices[currency], worthless[currency] = Decimal(0), paid_in(currency, fills)
            else:
                unpriced.append(currency)
    return Trades(fills, prices, tuple(unpriced), worthless)
