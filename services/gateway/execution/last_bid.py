"""What a coin was worth when its market was last traded: kept in the journal, for as long as nobody quotes it.

A market that is delisted, or closed for maintenance, has no price. Its coins count at the last one: none would be a
loss that nobody has seen, and would stop all symbols; an equity that is unknown would stop them, too.
"""

from collections.abc import Collection, Mapping
from decimal import Decimal

from shared.journal.rows import LimitRow
from shared.messages.codec import keep, kept
from shared.orders import VenueQuote
from shared.record import Record

LAST_BID = "last_bid:"  # and the symbol


class LastBid(Record):
    """Quote units."""

    bid: Decimal


def last_bid_row(sym: str, bid: Decimal) -> LimitRow:
    """As it stands in the journal; quote units."""
    return LimitRow(LAST_BID + sym, keep(LastBid(bid=bid)))


def last_bids(
    held: Mapping[str, Decimal], fresh: Mapping[str, VenueQuote], closed: Collection[str],
    quotes: Mapping[str, VenueQuote], limits: Mapping[str, bytes], paid: Mapping[str, Decimal],
) -> dict[str, Decimal]:  # fmt: skip
    """The last bid of each coin that is held and has no price now because its market is closed; quote units.

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
    """Quotes to value coins by: where there is none, the last bid."""
    return {**quotes, **{sym: VenueQuote(sym, bid, bid, 0, trading=False) for sym, bid in bids.items()}}
