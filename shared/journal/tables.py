"""The tables, by the rows that stand in them, and what writes a change into each.

A row's fields are a table's columns, behind the account. A new table is a row in rows.py, its Table here, its line in
CHANGES, and a step in migrations/, which say how the tables came to be; a test holds rows and steps together.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar, get_args, get_type_hints

from shared.errors import SafetyRefusal
from shared.journal.database import Connection, Cursor, Database, Fenced, WriteRefused
from shared.journal.rows import (
    ArmingRow,
    Change,
    DropArming,
    DropExternal,
    DropLatch,
    EventRow,
    ExecutionRow,
    ExternalRow,
    FillRow,
    FundingRow,
    LatchRow,
    LimitRow,
    NakedRow,
    OrderRow,
    RequestRow,
    SetBusId,
)
from shared.messages.reasons import OrderStatus
from shared.orders.stop_life import LIVE, StopLife

VERSION_TABLE = "tickline_schema"
ACCOUNTS = "accounts"  # epoch and bus of each account; EpochRow and SetBusId are parts of its rows
TERMINAL = tuple(status.value for status in OrderStatus)
LIVE_STOPS = tuple(sorted(phase.value for phase in LIVE))

Row = TypeVar("Row", bound=tuple[Any, ...])


class RowField(NamedTuple):
    """A field of a row says how its values are written and read; None stays None."""

    name: str
    kind: type
    written: Callable[[Any], Any] | None
    read: Callable[[Any], Any] | None


class Table(Generic[Row]):
    """A table holds rows of one kind, for all accounts.

    - row: the kind.
    - key: the fields that tell an account's rows apart.

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
    """Returns how a field of this type is written and read; the type may be optional."""
    kind = next((each for each in get_args(annotation) if each is not type(None)), annotation)
    if kind is Decimal:
        return RowField(name, kind, _exact, Decimal)
    if issubclass(kind, StrEnum):
        return RowField(name, kind, lambda value: kind(value).value, _member(kind))
    return RowField(name, kind, None, bool if kind is bool else None)


def _exact(value: Decimal) -> str:
    """Returns a finite amount as its text: every digit, the exponent and the sign of zero come back."""
    if not value.is_finite():
        raise ValueError(f"{value!r} is no amount")
    return str(value)


def _member(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    """Returns what reads a value of an enum; one that this code does not know is refused, not guessed."""

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
stops = Table("stops", StopLife, "stop_id")
naked = Table("naked", NakedRow, "book", "from_ms")
requests = Table("requests", RequestRow, "request_id")

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
    stops,
    naked,
    requests,
)


# What an order's row keeps for ever.
INTENT = (
    *OrderRow._fields[: OrderRow._fields.index("order_n")],
    *("by", "type", "limit_price", "time_in_force", "trigger_price", "stop_id"),
)


def quoted(names: Iterable[str], before: str = "") -> str:
    """Returns the names of columns as a list of SQL; before: what stands before each.

    >>> quoted(["by", "at_ms"]), quoted(["by"], "excluded.")
    ('"by", "at_ms"', 'excluded."by"')
    """
    return ", ".join(f'{before}"{name}"' for name in names)


def where(names: Iterable[str]) -> str:
    """Returns the condition that these columns have the values given."""
    return " AND ".join(f'"{name}" = ?' for name in names)


def insert(table: Table[Any]) -> str:
    """Returns the statement that adds a row; its values are those of `Table.values`."""
    places = ", ".join("?" * len(table.columns))
    return f'INSERT INTO "{table.name}" ({quoted(table.columns)}) VALUES ({places})'


def put(table: Table[Any], only: Collection[str] = ()) -> str:
    """Returns the statement that adds a row or replaces the one with its key; only: the columns that are replaced."""
    names = only or [name for name in table.columns if name not in table.key]
    replaced = ", ".join(f'"{name}" = excluded."{name}"' for name in names)
    return f"{insert(table)} ON CONFLICT ({quoted(table.key)}) DO UPDATE SET {replaced}"


def put_once(table: Table[Any]) -> str:
    """Returns the statement that adds a row, and changes nothing where its key stands."""
    return f"{insert(table)} ON CONFLICT ({quoted(table.key)}) DO NOTHING"


def drop(table: Table[Any]) -> str:
    """Returns the statement that deletes the row with a key."""
    return f'DELETE FROM "{table.name}" WHERE {where(table.key)}'


def stored(table: Table[Any]) -> str:
    """Returns the statement that reads the fields of the row with a key."""
    return f'SELECT {quoted(table.columns[1:])} FROM "{table.name}" WHERE {where(table.key)}'


# A fill that stands keeps what it is; only an order's id that was not known then is added.
PUT_FILL = f"{put(fills, ['client_order_id'])} WHERE fills.client_order_id = '' AND excluded.client_order_id != ''"

# An order that stands keeps its intent, and all of it once it is terminal; the id of another intent changes nothing.
PUT_ORDER = (
    f"{put(orders, [name for name in OrderRow._fields if name not in INTENT])} "
    f"WHERE orders.state NOT IN ({', '.join(map(repr, TERMINAL))}) "
    "AND orders.content = excluded.content AND orders.book = excluded.book"
)

# What was asked stays. A request is begun once, and ended once: by who began it, or, where nobody has, by anybody.
PUT_REQUEST = (
    f"{put(requests, ['taken_ms', 'done_ms', 'well', 'answer'])} WHERE requests.done_ms = 0 "
    "AND requests.taken_ms = CASE WHEN excluded.done_ms = 0 THEN 0 ELSE excluded.taken_ms END"
)

RAISE_EPOCH = (
    f"INSERT INTO {ACCOUNTS} (account, epoch, owner, raised_ms, bus_id) VALUES (?, 1, ?, ?, '') "
    f"ON CONFLICT (account) DO UPDATE SET epoch = {ACCOUNTS}.epoch + 1, owner = excluded.owner, "
    "raised_ms = excluded.raised_ms RETURNING epoch"
)
NEWEST_EPOCH = f"SELECT epoch, owner FROM {ACCOUNTS} WHERE account = ?"
SET_BUS_ID = (
    f"INSERT INTO {ACCOUNTS} (account, epoch, owner, raised_ms, bus_id) VALUES (?, 0, '', 0, ?) "
    "ON CONFLICT (account) DO UPDATE SET bus_id = excluded.bus_id"
)
LAST_SEQ = "SELECT COALESCE(MAX(seq), 0) FROM executions WHERE account = ? AND book = ?"

# Each kind of change: the statement that makes it, and the table that says how its values are written.
CHANGES: Mapping[type[Change], tuple[str, Table[Any] | None]] = {
    OrderRow: (PUT_ORDER, orders),
    FillRow: (PUT_FILL, fills),
    FundingRow: (put_once(funding), funding),
    ExecutionRow: (insert(executions), executions),
    LimitRow: (put(limits), limits),
    LatchRow: (put(latches), latches),
    ArmingRow: (put(armings), armings),
    ExternalRow: (put(externals), externals),
    EventRow: (insert(events), events),
    StopLife: (put(stops), stops),
    NakedRow: (put(naked), naked),
    RequestRow: (PUT_REQUEST, requests),
    DropLatch: (drop(latches), None),
    DropArming: (drop(armings), None),
    DropExternal: (drop(externals), None),
    SetBusId: (SET_BUS_ID, None),
}


class Store:
    """The store puts an account's changes into the tables.

    It raises WriteRefused for what contradicts the journal, and rolls nothing back: whoever holds the transaction does.
    """

    def __init__(self, database: Database, account: str) -> None:
        self._account = account
        self._shown = database.shown
        self._unfit: tuple[type[Exception], ...] = (
            *database.refusals,
            OverflowError,
            ValueError,  # UnicodeError is one, too
        )
        text = database.statement
        self._newest_epoch = text(NEWEST_EPOCH + database.lock_row)
        self._raise_epoch = text(RAISE_EPOCH)
        self._last_seq = text(LAST_SEQ)
        self._changes = {kind: (text(statement), table) for kind, (statement, table) in CHANGES.items()}
        self._stored = {table.name: text(stored(table)) for table in (orders, fills, funding)}

    def raise_epoch(self, connection: Connection, owner: str) -> int:
        """Returns the new epoch; every older one is fenced from the commit on."""
        given = (self._account, owner, time.time_ns() // 1_000_000)
        return int(connection.execute(self._raise_epoch, given).fetchone()[0])

    def check_epoch(self, connection: Connection, epoch: int) -> None:
        """Raises Fenced unless this is the newest epoch; it stays so until the transaction ends."""
        newest, owner = connection.execute(self._newest_epoch, (self._account,)).fetchone() or (0, "")
        if epoch != newest or not newest:
            holder = f"{owner} holds {newest}" if newest else "nobody holds one yet"
            raise Fenced(
                f"journal {self._shown}: account {self._account}: epoch {epoch} may not write: {holder}", owner
            )

    def put(self, connection: Connection, changes: Sequence[Change]) -> None:
        """Writes the changes in their order; raises WriteRefused where one contradicts what stands there."""
        for change in changes:
            try:
                if isinstance(change, ExecutionRow):
                    self._check_sequence(connection, change)
                done = self._write(connection, change)
            except self._unfit as error:
                raise self._refused(change, str(error)) from error
            if isinstance(change, OrderRow):
                if done.rowcount != 1:
                    raise self._refused(change, _why_not(self._read(connection, orders, change), change))
            elif isinstance(change, RequestRow) and done.rowcount != 1:
                raise self._refused(change, "somebody else has begun it, or it is over")
            elif isinstance(change, FillRow):
                self._check_fill(connection, change)
            elif isinstance(change, FundingRow):
                self._check_same(change, self._read(connection, funding, change))

    def _write(self, connection: Connection, change: Change) -> Cursor:
        statement, table = self._changes[type(change)]
        given = [self._account, *change] if table is None else table.values(self._account, change)
        return connection.execute(statement, given)

    def _read(self, connection: Connection, table: Table[Row], row: Row) -> Row:
        """Returns the row that stands there under the same key."""
        key = [self._account, *(getattr(row, name) for name in table.key[1:])]
        return table.row(connection.execute(self._stored[table.name], key).fetchone())

    def _check_sequence(self, connection: Connection, change: ExecutionRow) -> None:
        (last,) = connection.execute(self._last_seq, (self._account, change.book)).fetchone()
        if change.seq != last + 1:
            raise self._refused(change, f"the book's last execution is {last}, so the next is {last + 1}")

    def _check_fill(self, connection: Connection, change: FillRow) -> None:
        there = self._read(connection, fills, change)
        if not change.client_order_id:
            change = change._replace(client_order_id=there.client_order_id)
        self._check_same(change, there)

    def _check_same(self, change: FillRow | FundingRow, there: FillRow | FundingRow) -> None:
        if there != change:
            raise self._refused(change, f"stands there with other content: {tuple(there)}")

    def _refused(self, change: Change, why: str) -> WriteRefused:
        key = " ".join(str(part) for part in change[:3])
        return WriteRefused(f"journal {self._shown}: {type(change).__name__} {key}: {why}")


def _why_not(before: OrderRow, after: OrderRow) -> str:
    """Returns why an order's row was not replaced; see PUT_ORDER."""
    if (before.content, before.book) != (after.content, after.book):
        return f"this id is known with other content, of book {before.book}"
    return f"it is {before.state}, which is final"
