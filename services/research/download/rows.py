"""What a venue tells, whatever its kind: a time, an id where there is one, and values as text."""

from decimal import Decimal, InvalidOperation
from typing import NamedTuple


class Row(NamedTuple):
    """One bar (`at_ms`: its start), trade or funding rate. id: empty where the time alone tells it from the others.

    values: of the kind's columns, the venue's own digits; None where the venue says nothing. on_book: False for a trade
    at a price that nobody else could have had. seq: the venue's own order within one time; 0: it tells none.
    """

    at_ms: int
    id: str
    values: tuple[str | None, ...]
    on_book: bool = True
    seq: int = 0

    @property
    def key(self) -> tuple[int, str]:
        """What two rows do not share."""
        return self.at_ms, self.id


def in_order(row: Row) -> tuple[int, int, int, str]:
    """A sort key: by time, then as the venue numbers it, then by id, where 999 is before 1000.

    A random text orders nothing.

    >>> sorted([Row(5, "1000", ()), Row(5, "999", ()), Row(4, "2000", ())], key=in_order)[1].id
    '999'
    """
    counts = row.id.isdigit()
    return row.at_ms, row.seq, len(row.id) if counts else 0, row.id if counts else ""


def digits(value: object) -> str | None:
    """A number as plain digits, none lost and none added; None for what is no finite number.

    >>> digits(Decimal("71440.10")), digits(1e-7), digits("NaN"), digits(None)
    ('71440.10', '0.0000001', None, None)
    """
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return format(number, "f") if number.is_finite() else None
