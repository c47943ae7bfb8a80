"""What the account is worth: one definition, for the limits, for arming and for whoever shows it. Pure.

Equity = cash of the quote currency + unrealised profit of swaps + the coins that the books hold, at the bid. It comes
out of one answer about the balance and one quote of each coin. Coins that no book holds are not the line's: they do not
count, however many there are. What rests in an order counts as what it is.
"""

from collections.abc import Mapping
from decimal import Decimal

from shared.orders import VenueQuote
from shared.orders.answers import VenueBalance

_ZERO = Decimal(0)


def equity(balance: VenueBalance, held: Mapping[str, Decimal], quotes: Mapping[str, VenueQuote]) -> Decimal | None:
    """In quote units; None where a coin that counts has no quote. held: what the books hold, by symbol.

    Of a coin no more counts than the answer shows: one that was withdrawn is a loss.

    >>> quotes = {"BTCUSDT": VenueQuote("BTCUSDT", Decimal(99), Decimal(101), 0)}
    >>> equity(VenueBalance(Decimal(500), {"BTCUSDT": Decimal(7)}), {"BTCUSDT": Decimal(5)}, quotes)
    Decimal('995')
    """
    worth = balance.cash
    for sym, coins in balance.coins.items():
        counted = min(held.get(sym, _ZERO), coins)
        if counted <= 0:
            continue
        quote = quotes.get(sym)
        if quote is None or quote.bid <= 0:
            return None
        worth += counted * quote.bid
    return worth


def fresh(quotes: Mapping[str, VenueQuote], now_ms: int, max_age_s: float) -> dict[str, VenueQuote]:
    """Those that are not too old; one of the future is no fresher."""
    return {sym: quote for sym, quote in quotes.items() if abs(now_ms - quote.at_ms) <= max_age_s * 1_000}
