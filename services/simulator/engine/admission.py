"""The engine takes an order whose steps, size and price are allowed, and for which there is money. Pure.

An order with a price is reckoned at that price, as exchanges do, also one that takes what there is at once:

- its least value is that of quantity x price:
  https://developers.binance.com/docs/binance-spot-api-docs/filters#notional (P)
- on spot, a buy needs quantity x price of the quote currency
- a swap needs its margin at that price, and what it would lose at once at the mark price (`open loss`; a sale below the
  mark is reckoned at the mark): https://www.binance.com/en/support/faq/87fa7ee33b574f7084d42bd2ce2e463b (P). Other
  exchanges say less about it; a fake is never kinder.
"""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal

from services.simulator.engine.events import HEDGE, LONG, Declined, DeclineReason, NewOrder
from services.simulator.engine.listing import Listing

ZERO = Decimal(0)


class Band:
    """The prices that an exchange takes now: `highest` of a buy, `lowest` of a sale, in whole ticks."""

    def __init__(self, listing: Listing, mark: Decimal) -> None:
        self.highest = (mark * listing.price_up / listing.tick).to_integral_value(ROUND_DOWN) * listing.tick
        self.lowest = (mark * listing.price_down / listing.tick).to_integral_value(ROUND_CEILING) * listing.tick

    def moved(self, limit: Decimal, side: int) -> Decimal:
        """Returns the limit, or the next one that is taken."""
        return min(limit, self.highest) if side > 0 else max(limit, self.lowest)

    def check(self, limit: Decimal, side: int) -> None:
        """Raises Declined where the limit of an order is not taken."""
        if side > 0 and limit > self.highest:
            raise Declined(DeclineReason.PRICE_TOO_HIGH, self.highest)
        if side < 0 and limit < self.lowest:
            raise Declined(DeclineReason.PRICE_TOO_LOW, self.lowest)


class BuyingPower:
    """An order finds this on the account.

    - held: of the order's own position, signed.
    - cash: of a currency, but for what resting orders hold.
    - free: of a currency, not held as margin.
    - leverage, fee: of the swap, a share.
    """

    def __init__(
        self,
        held: Decimal,
        cash: Callable[[str], Decimal],
        free: Callable[[str], Decimal],
        leverage: Decimal,
        fee: Decimal,
    ) -> None:
        self.held, self.cash, self.free, self.leverage, self.fee = held, cash, free, leverage, fee


def admitted(listing: Listing, new: NewOrder, account: BuyingPower, best: Decimal, mark: Decimal) -> Decimal:
    """Returns the quantity that is taken, which is less where an order may only reduce. Raises Declined.

    - best: the best price on the other side.
    """
    qty = new.signed_qty
    side = 1 if qty > 0 else -1
    if qty % listing.step:
        raise Declined(DeclineReason.STEP)
    if abs(qty) < listing.min_qty:
        raise Declined(DeclineReason.MIN_QTY)
    if abs(qty) > (listing.most_market if new.limit is None else listing.most_limit) and not new.origin:
        raise Declined(DeclineReason.MOST_MARKET)
    price = best
    if new.limit is not None and not new.origin:
        if new.limit <= 0 or new.limit % (listing.limit_step or listing.tick):
            raise Declined(DeclineReason.PRICE_STEP)
        Band(listing, mark).check(new.limit, side)
        price = new.limit
    if listing.kind == "spot":
        spent, currency = (qty * price, listing.quote) if qty > 0 else (-qty, listing.base)
        if spent > account.cash(currency):
            raise Declined(DeclineReason.MARGIN)
    closes = new.leg in HEDGE and (qty > 0) != (new.leg == LONG)
    if new.reduce_only or closes:
        if account.held * qty >= 0:
            raise Declined(DeclineReason.REDUCE_ONLY)
        return max(qty, -account.held) if qty < 0 else min(qty, -account.held)
    if abs(qty) * price < listing.min_notional:
        raise Declined(DeclineReason.MIN_NOTIONAL)
    added = max(abs(account.held + qty) - abs(account.held), ZERO)
    if listing.kind == "swap" and added and _needed(new, account, added, price, mark) > account.free(listing.quote):
        raise Declined(DeclineReason.MARGIN)
    return qty


def _needed(new: NewOrder, account: BuyingPower, added: Decimal, price: Decimal, mark: Decimal) -> Decimal:
    """Returns the money that a swap's order needs: margin, fee, and what a limit would lose at the mark price."""
    side = 1 if new.signed_qty > 0 else -1
    fee = abs(new.signed_qty) * price * account.fee
    if new.limit is None:
        return added * price / account.leverage + fee
    assumed = price if side > 0 else max(price, mark)
    return added * (assumed / account.leverage + max(side * (price - mark), ZERO)) + fee
