"""The tables, by the rows that stand in them: a row's fields are a table's columns, behind the account.

How the tables came to be stands in migrations/; a test holds the two together.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar, get_args, get_type_hints

from shared.errors import SafetyRefusal
from shared.journal.rows import (
    ArmingRow,
    EventRow,
    ExecutionRow,
    ExternalRow,
    FillRow,
    FundingRow,
    LatchRow,
    LimitRow,
    OrderRow,
)
from shared.messages.reasons import OrderStatus

VERSION_TABLE = "tickline_schema"
ACCOUNTS = "accounts"  # epoch and bus of each account; EpochRow and SetBusId are parts of its rows
TERMINAL = tuple(status.value for status in OrderStatus)

Row = TypeVar("Row", bound=tuple[Any, ...])


class RowField(NamedTuple):
    """A field of a row says how its values are written and read; None stays None."""

    name: str
    kind: type
    written: Callable[[Any], Any] | None
    read: Callable[[Any], Any] | None


class Table(Generic[Row]):
    """A table holds rows of one kind, for all accounts.

    row: the kind.
    key: the fields that tell an account's rows apart.

    >>> latches.columns, latches.key
    (('account', 'name', 'reason', 'by', 'at_ms'), ('account', 'name'))
    >>> latches.values("main", LatchRow("halt", "a person said so", "ann", 7))
    ['main', 'halt', 'a person said so', 'ann', 7]
    """

    def __init__(self, name: str, row: type[Row], *key: str) -> None:
        self.name = name
        self.key = ("account", *key)
        self.fields = tuple(_column(*field) for field in get_type_hints(row).items())
        self.columns = ("account", *(field.name for field in self.fields))
        self.row_type = row
        self._written = tuple(field.written for field in self.fields)
        self._read = tuple(field.read for field in self.fields)

    def values(self, account: str, row: Row) -> list[Any]:
        """Returns what is written into `columns`; raises ValueError for a value that the column cannot hold."""
        values: list[Any] = [account]
        for value, written in zip(row, self._written, strict=True):
            values.append(value if written is None or value is None else written(value))
        return values

    def row(self, found: Sequence[Any]) -> Row:
        """Returns the row whose fields were read; raises SafetyRefusal for a value that only newer code knows."""
        values: list[Any] = []
        for value, read in zip(found, self._read, strict=True):
            values.append(value if read is None or value is None else read(value))
        return self.row_type(*values)


def _column(name: str, annotation: Any) -> RowField:
    kind = next((each for each in get_args(annotation) if each is not type(None)), annotation)
    if kind is Decimal:
        return RowField(name, kind, _exact, Decimal)
    if issubclass(kind, StrEnum):
        return RowField(name, kind, lambda value: kind(value).value, _member(kind))
    return RowField(name, kind, None, bool if kind is bool else None)


def _exact(value: Decimal) -> str:
    """A finite amount as its text: every digit, the exponent and the sign of zero come back."""
    if not value.is_finite():
        raise ValueError(f"{value!r} is no amount")
    return str(value)


def _member(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    """A value that this code does not know is refused, not guessed."""

    def read(value: str) -> StrEnum:
        try:
            return kind(value)
        except ValueError:
            raise SafetyRefusal(
                f"journal: the {kind.__name__} {value!r} is unknown here: a newer Tickline wrote it; run that one"
            ) from None

    return read


orders = Table("orders", OrderRow, "client_order_id")
fills = Table("fills", FillRow, "sym", "trade_id", "venue_order_id")
executions = Table("executions", ExecutionRow, "book", "seq")
limits = Table("limits", LimitRow, "name")
latches = Table("latches", LatchRow, "name")
armings = Table("armings", ArmingRow)
events = Table("events", EventRow)  # numbered by the database, in the order of writing
externals = Table("externals", ExternalRow, "kind", "sym", "key")
funding = Table("funding", FundingRow, "sym", "payment_id")

TABLES: tuple[Table[Any], ...] = (
    orders,
    fills,
    executions,
    limits,
    latches,
    armings,
    events,
    externals,
    funding,
)
