"""The account's equity has one definition, for limits, arming and status. Pure.

Equity = cash of the quote currency + unrealised profit of swaps + the coins that the books hold, at the bid. It comes
out of one answer about the balance and one quote of each coin. Coins that no book holds are not the line's: they do not
count, however many there are. What rests in an order counts as what it is.

A market that is delisted, or closed for maintenance, has no price. Its coins count at the last one, which the journal
keeps: none would be a loss that nobody has seen, and would stop all symbols; an equity that is unknown would, too.
"""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from shared.journal.rows import LimitRow
from shared.messages.codec import keep, kept
from shared.orders import VenueQuote
from shared.orders.answers import VenueBalance
from shared.record import Record

LAST_BID = "last_bid:"  # and the symbol
_ZERO = Decimal(0)


def equity(balance: VenueBalance, held: Mapping[str, Decimal], quotes: Mapping[str, VenueQuote]) -> Decimal | None:
    """Returns the equity in quote units; None where a coin that counts has no quote.

    - held: what the books hold, by symbol.

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
    """Returns the quotes that are not too old; one of the future is no fresher."""
    return {sym: quote for sym, quote in quotes.items() if abs(now_ms - quote.at_ms) <= max_age_s * 1_000}


class LastBid(Record):
    """A coin was worth so much when its market was last traded, in quote units."""

    bid: Decimal


def last_bid_row(sym: str, bid: Decimal) -> LimitRow:
    """Returns the row that the journal keeps; quote units."""
    return LimitRow(LAST_BID + sym, keep(LastBid(bid=bid)))


def last_bids(
    held: Mapping[str, Decimal],
    fresh: Mapping[str, VenueQuote],
    closed: Collection[str],
    quotes: Mapping[str, VenueQuote],
    limits: Mapping[str, bytes],
    paid: Mapping[str, Decimal],
) -> dict[str, Decimal]:
    """Returns the last bid of each coin that is held and has no price now because its market is closed; quote units.

    That of `quotes`, the newest of this run; else what the journal has; else what was paid for it, on average.

    >>> row = last_bid_row("A", Decimal(3))
    >>> given = {"A": Decimal(1), "B": Decimal(1), "C": Decimal(1)}, {}, {"A", "B"}, {}, {row.name: row.value}
    >>> last_bids(*given, {"A": Decimal(5), "B": Decimal(7), "C": Decimal(9)})
    {'A': Decimal('3'), 'B': Decimal('7')}
    """
    found = {}
    for sym, qty in held.items():
        if qty <= 0 or sym not in closed or (sym in fresh and fresh[sym].bid > 0):
            continue
        if sym in quotes and quotes[sym].bid > 0:
            found[sym] = quotes[sym].bid
        elif LAST_BID + sym in limits:
            found[sym] = kept(LastBid, limits[LAST_BID + sym]).bid
        elif sym in paid:
            found[sym] = paid[sym]
    return found


def with_last(quotes: Mapping[str, VenueQuote], bids: Mapping[str, Decimal]) -> dict[str, VenueQuote]:
    """Returns the quotes to value coins by: where there is none, the last bid."""
    return {**quotes, **{sym: VenueQuote(sym, bid, bid, 0, trading=False) for sym, bid in bids.items()}}


def coins_of_books(coins: Decimal, others: Decimal, booked: Decimal, unknown: Iterable[Decimal]) -> Decimal | None:
    """Returns how many of an account's coins are the books', while nobody knows what became of an order.

    Filled or not, the order shows in the same answer, in coins or in cash. None where more is there than all of them
    together explain: somebody has paid coins in, and what is whose is open.

    - coins: what the balance shows; others: coins that are no book's.
    - booked: what the books hold.
    - unknown: orders that may have been filled, signed.

    >>> known = Decimal(7), Decimal(1), [Decimal(2)]
    >>> coins_of_books(Decimal(8), *known), coins_of_books(Decimal(10), *known)
    (Decimal('1'), Decimal('3'))
    >>> coins_of_books(Decimal(12), *known)
    >>> coins_of_books(Decimal(7), Decimal(7), Decimal(1), [Decimal(-1)])
    Decimal('0')
    """
    low = high = booked
    for qty in unknown:
        low, high = low + min(qty, _ZERO), high + max(qty, _ZERO)
    ours = coins - others
    return None if ours > high else max(ours, low, _ZERO)
