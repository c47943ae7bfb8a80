"""The account holds money and a person's coins beside our books. Pure.

The venue's balance should be that money and what the books have made since. The account may hold more than the books'
capital, so the difference is measured when everything is flat for the first time, and kept. From then on a deposit, a
withdrawal or a fee that nobody booked is a difference; a person who adopts it has it measured anew. Capital that a
person gives to a book, or takes from it, and a symbol that is new or traded no more change nothing: only what the books
have made counts. A fee that was paid in a third coin (BNB) is a loss of the books at its price, and took nothing from
this balance: such fees are summed up beside it. While anything is held that could be sold, or is on its way, it is not
compared: the venue values that at its own price.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from shared.journal.rows import ExternalRow, LimitRow
from shared.messages.codec import keep, kept
from shared.orders.reconcile import DifferenceKind
from shared.record import Record

BALANCE_BESIDE = "balance_without_profit"
ELSEWHERE = "fees_in_other_coins"  # what they were worth, quote units, since they are counted
MINE = "mine:"  # and the symbol
TOLERANCE = Decimal("0.01")  # quote units: venues round what they show


class Beside(Record):
    """The account had so much without what the books have made, in quote units, when it was measured."""

    amount: Decimal
    measured_ms: int

    def row(self) -> LimitRow:
        """Returns the row that the journal keeps."""
        return LimitRow(BALANCE_BESIDE, keep(self))


class PaidElsewhere(Record):
    """Fees in coins that are neither quote nor base came to this, in quote units."""

    amount: Decimal


def paid_elsewhere(limits: Mapping[str, bytes]) -> Decimal:
    """Returns such fees of all books, quote units; they are in the books, and not in the balance."""
    return kept(PaidElsewhere, limits[ELSEWHERE]).amount if ELSEWHERE in limits else Decimal(0)


def elsewhere_row(limits: Mapping[str, bytes], more: Decimal) -> LimitRow:
    """Returns the row that the journal keeps, with more of them.

    >>> row = elsewhere_row({}, Decimal("0.2"))
    >>> paid_elsewhere({row.name: elsewhere_row({row.name: row.value}, Decimal("0.1")).value})
    Decimal('0.3')
    """
    return LimitRow(ELSEWHERE, keep(PaidElsewhere(amount=paid_elsewhere(limits) + more)))


def beside(
    limits: Mapping[str, bytes], adopted: Iterable[ExternalRow], balance: Decimal, profit: Decimal, now_ms: int
) -> Beside:
    """Returns what was measured before; measured now where it never was, or a person has adopted a difference since.

    profit: what the books have made, in the currency of the balance.

    >>> beside({}, [], Decimal(1_000), Decimal(-100), 5)
    Beside(amount=Decimal('1100'), measured_ms=5)
    """
    if BALANCE_BESIDE in limits:
        before = kept(Beside, limits[BALANCE_BESIDE])
        since = [row for row in adopted if row.kind == DifferenceKind.BALANCE and row.at_ms > before.measured_ms]
        if not since:
            return before
    return Beside(amount=balance - profit, measured_ms=now_ms)


class Mine(Record):
    """A person has said that so much of a coin is no book's, in base units."""

    qty: Decimal


def mine_row(sym: str, qty: Decimal) -> LimitRow:
    """Returns the row that the journal keeps; base units."""
    return LimitRow(MINE + sym, keep(Mine(qty=qty)))


def mine_of(limits: Mapping[str, bytes], symbols: Iterable[str]) -> dict[str, Decimal]:
    """Returns base units, by symbol; those of which nothing was said are left out.

    >>> row = mine_row("BTCUSDT", Decimal("0.5"))
    >>> mine_of({row.name: row.value}, ["BTCUSDT", "ETHUSDT"])
    {'BTCUSDT': Decimal('0.5')}
    """
    return {sym: kept(Mine, limits[MINE + sym]).qty for sym in symbols if MINE + sym in limits}
