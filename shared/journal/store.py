"""Writes one account's rows, inside a transaction that somebody else holds."""

import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Delete, Executable, Select, Table, bindparam, delete, func, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from shared.journal.database import AnyInsert, Database, Fenced, Insert, WriteRefused
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
    OrderRow,
    SetBusId,
)
from shared.journal.schema import (
    TERMINAL,
    accounts,
    armings,
    events,
    executions,
    externals,
    fills,
    funding,
    latches,
    limits,
    orders,
)

# The statements that write, made once for a dialect. Their parameters are named as the columns.

INTENT = OrderRow._fields[: OrderRow._fields.index("order_n")]  # what an order's row keeps for ever


def put(insert: Insert, table: Table, only: Collection[str] = ()) -> AnyInsert:
    """Insert, or replace the row with the same key; `only`: the columns that are replaced."""
    new = insert(table)
    keys = table.primary_key.columns.keys()
    names = only or set(table.columns.keys()).difference(keys)
    return new.on_conflict_do_update(index_elements=keys, set_={name: new.excluded[name] for name in names})


def put_once(insert: Insert, table: Table) -> AnyInsert:
    """Insert, or change nothing where the key stands."""
    return insert(table).on_conflict_do_nothing(index_elements=table.primary_key.columns.keys())


def put_fill(insert: Insert) -> AnyInsert:
    """Insert; where it stands, only an order's id that was not known then is added."""
    new = insert(fills)
    named = new.excluded.client_order_id
    return new.on_conflict_do_update(
        index_elements=fills.primary_key.columns.keys(),
        set_={"client_order_id": named},
        where=(fills.c.client_order_id == "") & (named != ""),
    )


def put_order(insert: Insert) -> AnyInsert:
    """Insert; or replace what may change, unless the order is terminal or the id is another intent's."""
    new = insert(orders)
    key = ("account", "client_order_id")
    return new.on_conflict_do_update(
        index_elements=key,
        set_={name: new.excluded[name] for name in OrderRow._fields if name not in (*key, *INTENT)},
        where=orders.c.state.not_in(TERMINAL)
        & (orders.c.content == new.excluded.content)
        & (orders.c.book == new.excluded.book),
    )


def drop(table: Table, *keys: str) -> Delete:
    """Delete the row with this key."""
    return delete(table).where(*(table.c[key] == bindparam(key) for key in ("account", *keys)))


def stored(table: Table) -> Select[Any]:
    """The row with this key, without the account."""
    mine = [column == bindparam(column.name) for column in table.primary_key]
    return select(*(column for column in table.columns if column.name != "account")).where(*mine)


def raise_epoch(insert: Insert) -> Executable:
    """One more, for this owner; gives the new epoch."""
    new = insert(accounts).values(epoch=1)
    taken = {name: new.excluded[name] for name in ("owner", "raised_ms")}
    return new.on_conflict_do_update(
        index_elements=["account"], set_={"epoch": accounts.c.epoch + 1, **taken}
    ).returning(accounts.c.epoch)


def newest_epoch() -> Select[Any]:
    """Epoch and owner; the row is locked until the transaction ends."""
    return (
        select(accounts.c.epoch, accounts.c.owner).where(accounts.c.account == bindparam("account")).with_for_update()
    )


def last_seq() -> Select[Any]:
    """The newest execution's number of a book, 0 before the first."""
    mine = (executions.c.account == bindparam("account")) & (executions.c.book == bindparam("book"))
    return select(func.coalesce(func.max(executions.c.seq), 0)).where(mine)


# A statement that SQLite's own driver runs: on an order's way to the venue SQLAlchemy would cost more than SQLite.
#
# PostgreSQL's statements go through SQLAlchemy as ever.

Processor = Callable[[Any], Any]


class Bind(NamedTuple):
    """A place in the statement. value: what stands there where no parameter has this name."""

    name: str
    process: Processor | None
    value: Any


class Ran(NamedTuple):
    """rowcount: rows that were written. rows: that were read."""

    rowcount: int
    rows: list[Any]


class Prepared:
    """Compiled with its first parameters; these must have the same names each time.

    What is wrong with a row is a StatementError; all else is raised as sqlite3 does.
    """

    def __init__(self, statement: Any) -> None:
        self._statement: Executable = statement
        self._sql = ""
        self._binds: tuple[Bind, ...] = ()

    def run(self, connection: Connection, given: Mapping[str, Any]) -> Ran:
        """Within a transaction."""
        driver = connection.connection.driver_connection
        if not isinstance(driver, sqlite3.Connection):
            done = connection.execute(self._statement, dict(given), execution_options={"preserve_rowcount": True})
            return Ran(done.rowcount, list(done) if done.returns_rows else [])
        if not self._sql:
            self._prepare(connection, given)
        try:
            cursor = driver.execute(self._sql, [self._value(bind, given) for bind in self._binds])
            return Ran(cursor.rowcount, cursor.fetchall())
        except (sqlite3.IntegrityError, sqlite3.DataError, ValueError) as error:
            raise StatementError(str(error), self._sql, None, error) from error

    def _value(self, bind: Bind, given: Mapping[str, Any]) -> Any:
        if bind.name not in given:
            return bind.value
        return given[bind.name] if bind.process is None else bind.process(given[bind.name])

    def _prepare(self, connection: Connection, given: Mapping[str, Any]) -> None:
        dialect = connection.dialect
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=list(given))  # type: ignore[attr-defined]
        state = compiled.construct_expanded_state(dict(given))
        binds = []
        for name in state.positiontup:
            process = state.processors.get(name)
            if name in compiled.binds:
                process = compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
            value = None if name in given else state.parameters[name]
            binds.append(Bind(name, process, value if process is None else process(value)))
        self._binds, self._sql = tuple(binds), state.statement


BEFORE_SENDING: tuple[type[Change], ...] = (OrderRow, LimitRow)  # what an order waits for


class Store:
    """Raises WriteRefused for what contradicts the journal; whoever holds the transaction rolls it back."""

    def __init__(self, database: Database, account: str) -> None:
        self._account = account
        self._shown = database.shown
        insert = database.insert
        self._newest_epoch, self._raise, self._last_seq = Prepared(newest_epoch()), raise_epoch(insert), last_seq()
        self._statements: Mapping[type[Change], Executable] = {
            OrderRow: put_order(insert),
            FillRow: put_fill(insert),
            FundingRow: put_once(insert, funding),
            ExecutionRow: insert(executions),
            LimitRow: put(insert, limits),
            LatchRow: put(insert, latches),
            ArmingRow: put(insert, armings),
            ExternalRow: put(insert, externals),
            EventRow: insert(events),
            DropLatch: drop(latches, "name"),
            DropArming: drop(armings),
            DropExternal: drop(externals, "kind", "sym", "key"),
            SetBusId: put(insert, accounts, ("bus_id",)),
        }
        self._prepared = {kind: Prepared(self._statements[kind]) for kind in BEFORE_SENDING}
        self._stored: Mapping[type[Change], Executable] = {
            OrderRow: stored(orders),
            FillRow: stored(fills),
            FundingRow: stored(funding),
        }

    def raise_epoch(self, connection: Connection, owner: str) -> int:
        """The new epoch; every older one is fenced from the commit on."""
        given = self._given(owner=owner, raised_ms=time.time_ns() // 1_000_000)
        return int(connection.execute(self._raise, given).scalar_one())

    def check_epoch(self, connection: Connection, epoch: int) -> None:
        """Raise Fenced unless this is the newest epoch; it stays so until the transaction ends."""
        rows = self._newest_epoch.run(connection, self._given()).rows
        newest, owner = rows[0] if rows else (0, "")
        if epoch != newest or not newest:
            holder = f"{owner} holds {newest}" if newest else "nobody holds one yet"
            raise Fenced(
                f"journal {self._shown}: account {self._account}: epoch {epoch} may not write: {holder}", owner
            )

    def put(self, connection: Connection, changes: Sequence[Change]) -> None:
        """Write the changes in their order."""
        for change in changes:
            try:
                self._put(connection, change)
            except (OverflowError, UnicodeError) as error:  # no value that the database can hold
                raise self._refused(change, str(error)) from error
            except StatementError as error:
                if isinstance(error, DBAPIError) and not isinstance(error, IntegrityError | DataError):
                    raise
                raise self._refused(change, str(error.orig)) from error

    def _put(self, connection: Connection, change: Change) -> None:
        given = self._given(**change._asdict())
        if isinstance(change, ExecutionRow):
            last = connection.execute(self._last_seq, given).scalar_one()
            if change.seq != last + 1:
                raise self._refused(change, f"the book's last execution is {last}, so the next is {last + 1}")
        if type(change) in self._prepared:
            written = self._prepared[type(change)].run(connection, given).rowcount
        else:
            written = connection.execute(self._statements[type(change)], given).rowcount
        if isinstance(change, OrderRow):
            if written != 1:
                before = OrderRow(*connection.execute(self._stored[OrderRow], given).one())
                raise self._refused(change, _why_not(before, change))
        elif isinstance(change, FillRow | FundingRow):
            now = connection.execute(self._stored[type(change)], given).one()
            if isinstance(change, FillRow) and not change.client_order_id:
                change = change._replace(client_order_id=now.client_order_id)
            if tuple(now) != tuple(change):
                raise self._refused(change, f"stands there with other content: {tuple(now)}")

    def _given(self, **values: Any) -> dict[str, Any]:
        return {"account": self._account, **values}

    def _refused(self, change: Change, why: str) -> WriteRefused:
        key = " ".join(str(part) for part in change[:3])
        return WriteRefused(f"journal {self._shown}: {type(change).__name__} {key}: {why}")


def _why_not(before: OrderRow, after: OrderRow) -> str:
    if (before.content, before.book) != (after.content, after.book):
        return f"this id is known with other content, of book {before.book}"
    return f"it is {before.state}, which is final"
