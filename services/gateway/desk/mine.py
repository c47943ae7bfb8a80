"""What a spot account holds of a coin that is no book's: a person has said so, and the journal keeps it by symbol."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from shared.journal.rows import LimitRow
from shared.messages.codec import pack, unpack

MINE = "mine:"  # and the symbol


def mine_row(sym: str, qty: Decimal) -> LimitRow:
    """As it stands in the journal; base units."""
    return LimitRow(MINE + sym, pack([qty]))


def mine_of(limits: Mapping[str, bytes], symbols: Iterable[str]) -> dict[str, Decimal]:
    """Base units, by symbol; those of which nothing was said are left out.

    >>> row = mine_row("BTCUSDT", Decimal("0.5"))
    >>> mine_of({row.name: row.value}, ["BTCUSDT", "ETHUSDT"])
    {'BTCUSDT': Decimal('0.5')}
    """
    return {sym: unpack(limits[MINE + sym])[0] for sym in symbols if MINE + sym in limits}
