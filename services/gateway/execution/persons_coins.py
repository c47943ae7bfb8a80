"""What a spot account holds of a coin that is no book's: a person has said so, and the journal keeps it by symbol."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from shared.journal.rows import LimitRow
from shared.messages.codec import keep, kept
from shared.record import Record

MINE = "mine:"  # and the symbol


class Mine(Record):
    """qty: base units."""

    qty: Decimal


def mine_row(sym: str, qty: Decimal) -> LimitRow:
    """As it stands in the journal; base units."""
    return LimitRow(MINE + sym, keep(Mine(qty=qty)))


def mine_of(limits: Mapping[str, bytes], symbols: Iterable[str]) -> dict[str, Decimal]:
    """Base units, by symbol; those of which nothing was said are left out.

    >>> row = mine_row("BTCUSDT", Decimal("0.5"))
    >>> mine_of({row.name: row.value}, ["BTCUSDT", "ETHUSDT"])
    {'BTCUSDT': Decimal('0.5')}
    """
    return {sym: kept(Mine, limits[MINE + sym]).qty for sym in symbols if MINE + sym in limits}
