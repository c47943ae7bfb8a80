"""The journal of one account: one transaction per write, fenced by an epoch, read by anybody.

One thread writes (`Writer`), another one reads. What a change does to the tables is `Store`'s matter (tables.py).

Whoever writes holds the newest epoch. Whoever raises it fences the holder of an older one, in the middle of whatever
that one does. A person's commands come from another process. A command that gives a right (arm, resume, adopt) is a
`write_by_person`, and the gateway reads it when it next looks. One that takes a right away (halt, disarm) is a
`raise_epoch` with its changes: from that commit on the gateway's next write is Fenced, so it sends nothing before it
has read the journal anew.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from shared.journal.database import Connection, Database, parse_url, unwritable
from shared.journal.migrations import bring_up_to_date, check_up_to_date
from shared.journal.rows import (
    ArmingRow,
    Change,
    EpochRow,
    EventRow,
    ExecutionRow,
    ExternalRow,
    FillRow,
    FundingRow,
    LatchRow,
    NakedRow,
    OrderRow,
    PersonChange,
    RequestRow,
)
from shared.journal.sqlite import SqliteDatabase
from shared.journal.tables import (
    ACCOUNTS,
    LAST_SEQ,
    LIVE_STOPS,
    TERMINAL,
    Store,
    Table,
    armings,
    events,
    executions,
    externals,
    fills,
    funding,
    latches,
    limits,
    naked,
    orders,
    quoted,
    requests,
    stops,
)
from shared.journal.writer import Writer
from shared.orders.stop_life import StopLife

BUSY_S = 5.0
NEVER_MS = 1 << 62

Row = TypeVar("Row", bound=tuple[Any, ...])


class Journal:
    """The journal keeps one account's rows; `open` makes it.

    After JournalUnwritable a write may be done or not: close it, open it again, read what is there.

    >>> import asyncio, tempfile
    >>> async def show(folder: str) -> int:
    ...     async with await Journal.open(f"sqlite:///{folder}/journal.db", "main", durable=False) as journal:
    ...         epoch = await journal.raise_epoch("gateway on host 1")
    ...         await journal.write([EventRow("start", "", "", "hello", 1)], epoch)
    ...         return len(await journal.events(10))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(show(folder))
    1
    """

    def __init__(self, database: Database, account: str, writer: Writer, threads: ThreadPoolExecutor) -> None:
        self._database = database
        self._account = account
        self._store = Store(database, account)
        self._writer = writer
        self._reader: Connection | None = None  # made at the first read, and anew after an error
        self._threads = threads

    @classmethod
    async def open(
        cls,
        url: str,
        account: str,
        *,
        durable: bool,
        create: bool = True,
        write: bool = True,
        reserve: bool = False,
        busy_s: float = BUSY_S,
    ) -> Self:
        """Returns the account's journal at `url`, made or upgraded where needed and wanted.

        Raises ConfigError (also of an older schema that may not be upgraded), SafetyRefusal (a newer schema) or
        JournalUnwritable.

        - url: sqlite:///PATH or postgresql://…
        - durable: a write that was answered survives a power cut (else: the end of the process, however it comes).
        - create: whether a journal may be made.
        - write: whether anything may be written; else nothing is made or upgraded, and every write fails.
        - reserve: take the disk's space at once, for whoever waits for each commit.
        - busy_s: how long another process's transaction is waited for.
        """
        database = database_at(url, busy_s)
        threads = ThreadPoolExecutor(1, thread_name_prefix="journal-read")
        try:
            connection = await asyncio.get_running_loop().run_in_executor(
                threads, _connect if write else _connect_to_read, database, durable, create, reserve
            )
        except BaseException:
            threads.shutdown(wait=False)
            raise
        return cls(database, account, Writer(connection, database), threads)

    @property
    def shown(self) -> str:
        """Returns its name for a person, without a password."""
        return f"journal {self._database.shown}"

    async def close(self) -> None:
        """Finishes the writes that were begun, and lets go."""
        if self._writer.closed:
            return
        await self._writer.close()
        await asyncio.get_running_loop().run_in_executor(self._threads, self._drop_reader)
        self._threads.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def raise_epoch(self, owner: str, changes: Sequence[PersonChange] = (), after: int | None = None) -> int:
        """Returns a new epoch, written with these changes; every older one is fenced when this returns.

        Raises WriteRefused, and Fenced where `after` is not the newest epoch any more: then nothing is raised.
        """
        _check_commands(changes)

        def work(connection: Connection) -> int:
            if after is not None:
                self._store.check_epoch(connection, after)
            epoch = self._store.raise_epoch(connection, owner)
            self._store.put(connection, changes)
            return epoch

        return await self._writer.do(work)

    async def write(self, changes: Sequence[Change], epoch: int, meanwhile: Callable[[], None] | None = None) -> None:
        """Writes all changes or none, on disk when this returns; raises Fenced, WriteRefused or JournalUnwritable.

        - meanwhile: is called while the disk is at work, as far as can be known; it knows nothing of how the write
          ends.
        """

        def work(connection: Connection) -> None:
            self._store.check_epoch(connection, epoch)
            self._store.put(connection, changes)

        await self._writer.do(work, meanwhile)

    async def write_by_person(self, changes: Sequence[PersonChange]) -> None:
        """Writes a person's word, whoever holds the epoch; never an order, a fill, an execution or a limit."""
        _check_commands(changes)
        await self._writer.do(lambda connection: self._store.put(connection, changes))

    async def epoch(self) -> EpochRow:
        """Returns who may write."""
        found = await self._select(f"SELECT {quoted(EpochRow._fields)} FROM {ACCOUNTS} WHERE account = ?")
        return EpochRow(*found[0]) if found else EpochRow(0, "", 0)

    async def orders(self, *, open_only: bool = True, since_ms: int = 0) -> list[OrderRow]:
        """Returns orders in the order of their decisions; since_ms: last changed then or later."""
        still_open = f"AND state NOT IN ({', '.join(map(repr, TERMINAL))}) " if open_only else ""
        wanted = f"AND updated_ms >= ? {still_open}ORDER BY ts_event, sym, order_n, client_order_id"
        return await self._rows(orders, wanted, since_ms)

    async def order(self, client_order_id: str) -> OrderRow | None:
        """Returns the order, if it is known."""
        return await self._row(orders, "AND client_order_id = ?", client_order_id)

    async def stops(self, *, since_ms: int = NEVER_MS, openers: Collection[str] = ()) -> list[StopLife]:
        """Returns the stops that may be at the exchange, in the order in which they were placed.

        - since_ms: with them those that were last changed then or later.
        - openers: with them those of the positions that these orders opened, and the stops that they were themselves.
        """
        live = f"phase IN ({', '.join(map(repr, LIVE_STOPS))})"
        these = f"({', '.join('?' * len(openers))})"
        were = f"SELECT stop_id FROM orders WHERE account = ? AND client_order_id IN {these}"  # asked once, not per row
        opened = f" OR opened_by IN {these} OR stop_id IN ({were})" if openers else ""
        wanted = f"AND ({live} OR updated_ms >= ?{opened}) ORDER BY at_ms, revision, stop_id"
        return await self._rows(stops, wanted, since_ms, *((*openers, self._account, *openers) if openers else ()))

    async def stop(self, stop_id: str) -> StopLife | None:
        """Returns the stop, if it is known."""
        return await self._row(stops, "AND stop_id = ?", stop_id)

    async def naked(self, *, since_ms: int = 0) -> list[NakedRow]:
        """Returns the times that a position had no stop, in their order; those that began then or later."""
        return await self._rows(naked, "AND from_ms >= ? ORDER BY from_ms, book", since_ms)

    async def newest_tick_ns(self) -> int:
        """Returns ts_event of the newest tick that an order comes from, 0 without an order."""
        return int((await self._select("SELECT COALESCE(MAX(ts_event), 0) FROM orders WHERE account = ?"))[0][0])

    async def executions(self, book: str, after_seq: int = 0, limit: int = 1000) -> list[ExecutionRow]:
        """Returns a book's executions behind `after_seq`, in sequence."""
        wanted = "AND book = ? AND seq > ? ORDER BY seq LIMIT ?"
        return await self._rows(executions, wanted, book, after_seq, limit)

    async def all_executions(self, after: tuple[str, int], limit: int) -> list[ExecutionRow]:
        """Returns executions of all books behind this book's number, by book and in sequence."""
        return await self._rows(executions, "AND (book, seq) > (?, ?) ORDER BY book, seq LIMIT ?", *after, limit)

    async def last_seqs(self) -> dict[str, int]:
        """Returns every book that has an execution, and the number of its last."""
        return dict(await self._select("SELECT book, MAX(seq) FROM executions WHERE account = ? GROUP BY book"))

    async def last_seq(self, book: str) -> int:
        """Returns the number of the book's last execution, 0 before the first."""
        return int((await self._select(LAST_SEQ, book))[0][0])

    async def fills(self, *, since_ms: int = 0, client_order_id: str | None = None) -> list[FillRow]:
        """Returns trades in the order of their times; of one order, or of all."""
        of_order = () if client_order_id is None else (client_order_id,)
        wanted = f"AND at_ms >= ? {'AND client_order_id = ? ' if of_order else ''}"
        return await self._rows(fills, f"{wanted}ORDER BY at_ms, sym, trade_id, venue_order_id", since_ms, *of_order)

    async def funding(self, *, since_ms: int = 0) -> list[FundingRow]:
        """Returns funding payments in the order of their times."""
        return await self._rows(funding, "AND at_ms >= ? ORDER BY at_ms, sym, payment_id", since_ms)

    async def limits(self) -> dict[str, bytes]:
        """Returns each limit's state by its name."""
        return {row.name: row.value for row in await self._rows(limits)}

    async def latches(self) -> dict[str, LatchRow]:
        """Returns what is latched, by name, in the order of time."""
        return {row.name: row for row in await self._rows(latches, "ORDER BY at_ms, name")}

    async def arming(self) -> ArmingRow | None:
        """Returns the arming, run out or not, if there is one."""
        return await self._row(armings)

    async def requests(self, now_ms: int) -> list[RequestRow]:
        """Returns the requests that nobody has begun and that are not too late at that time, the oldest first."""
        wanted = "AND taken_ms = 0 AND done_ms = 0 AND until_ms >= ? ORDER BY at_ms, request_id"
        return await self._rows(requests, wanted, now_ms)

    async def begun_requests(self) -> list[RequestRow]:
        """Returns the requests that somebody has begun and that are not over, the oldest first."""
        return await self._rows(requests, "AND taken_ms > 0 AND done_ms = 0 ORDER BY at_ms, request_id")

    async def request(self, request_id: str) -> RequestRow | None:
        """Returns the request, if it is known."""
        return await self._row(requests, "AND request_id = ?", request_id)

    async def externals(self, *, adopted: bool | None = None) -> list[ExternalRow]:
        """Returns all differences, or those that are (not) adopted, in the order of their times."""
        wanted = {None: "", True: "AND adopted_by != '' ", False: "AND adopted_by = '' "}[adopted]
        return await self._rows(externals, f'{wanted}ORDER BY at_ms, kind, sym, "key"')

    async def events(self, limit: int) -> list[EventRow]:
        """Returns the newest events, the last one last."""
        return (await self._rows(events, "ORDER BY id DESC LIMIT ?", limit))[::-1]

    async def execution_of(self, client_order_id: str) -> ExecutionRow | None:
        """Returns an order's terminal report, if it has one."""
        return await self._row(executions, "AND client_order_id = ?", client_order_id)

    async def events_of(self, client_order_id: str) -> list[EventRow]:
        """Returns what was noted of an order, the last one last."""
        return await self._rows(events, "AND client_order_id = ? ORDER BY id", client_order_id)

    async def events_of_kind(self, kind: str, since_ms: int = 0) -> list[EventRow]:
        """Returns all events of this kind, the last one last; since_ms: written then or later."""
        return await self._rows(events, "AND kind = ? AND at_ms >= ? ORDER BY id", kind, since_ms)

    async def orders_called(self, name: str) -> list[OrderRow]:
        """Returns the orders of which this is the id, ours or the exchange's, or that of a trade, or of their stop."""
        traded = "SELECT client_order_id FROM fills WHERE account = orders.account AND trade_id = ?"
        own = "client_order_id = ? OR venue_order_id = ? OR became = ? OR stop_id = ?"
        wanted = f"AND ({own} OR client_order_id IN ({traded})) ORDER BY ts_event, sym, order_n"
        return await self._rows(orders, wanted, *[name] * 5)

    async def orders_of_trace(self, tr: str) -> list[OrderRow]:
        """Returns the orders that a tick led to."""
        return await self._rows(orders, "AND tr = ? ORDER BY order_n", tr)

    async def newest_orders(self, sym: str, limit: int) -> list[OrderRow]:
        """Returns the symbol's orders that changed last, the last one last."""
        newest_first = "AND sym = ? ORDER BY updated_ms DESC, order_n DESC LIMIT ?"
        return (await self._rows(orders, newest_first, sym, limit))[::-1]

    async def bus_id(self) -> str | None:
        """Returns the bus that this account belongs to, once it is known (SetBusId)."""
        found = await self._select(f"SELECT bus_id FROM {ACCOUNTS} WHERE account = ?")
        return str(found[0][0]) or None if found else None

    async def _row(self, table: Table[Row], wanted: str = "", *given: Any) -> Row | None:
        found = await self._rows(table, wanted, *given)
        return found[0] if found else None

    async def _rows(self, table: Table[Row], wanted: str = "", *given: Any) -> list[Row]:
        """Returns the account's rows of a table. wanted: the SQL that follows the condition on the account."""
        columns = quoted(table.columns[1:])
        found = await self._select(f'SELECT {columns} FROM "{table.name}" WHERE account = ? {wanted}', *given)
        return list(map(table.row, found))

    async def _select(self, text: str, *given: Any) -> list[Any]:
        """Returns what the statement finds; its first `?` is the account, the others are `given`."""
        self._writer.check_open()
        statement = self._database.statement(text)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, statement, given)

    def _read(self, statement: str, given: tuple[Any, ...]) -> list[Any]:
        self._database.check_place()
        try:
            if self._reader is None:
                self._reader = self._database.reader()
            return self._reader.execute(statement, (self._account, *given)).fetchall()
        except self._database.errors as error:
            self._drop_reader()
            raise unwritable(self._database, error) from error

    def _drop_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            with suppress(*self._database.errors):  # a lost connection cannot be closed
                reader.close()


def _check_commands(changes: Sequence[Change]) -> None:
    for change in changes:
        if not isinstance(change, PersonChange):
            raise TypeError(f"{type(change).__name__} is no person's command")


def database_at(url: str, busy_s: float) -> Database:
    """Returns the database that a journal's URL names; nothing is opened yet. Raises ConfigError."""
    address = parse_url(url)
    if address.scheme.partition("+")[0] == "sqlite":
        return SqliteDatabase(address, busy_s)
    from shared.journal.postgres import PostgresDatabase  # with its driver, which SQLite's journals do without

    return PostgresDatabase(address, busy_s)


def _connect(database: Database, durable: bool, create: bool, reserve: bool) -> Connection:
    """Returns the writing connection, on tables that are up to date."""

    def check(connection: Connection) -> None:
        bring_up_to_date(connection, database, create)
        if durable:
            database.check_durable(connection)
        if reserve:
            database.reserve(connection)

    database.prepare(create)
    return _checked(database, lambda: database.writer(durable), check)


def _connect_to_read(database: Database, *_: bool) -> Connection:
    """Returns a connection that cannot write; the journal stays as it is."""
    database.prepare(create=False)
    return _checked(database, database.reader, lambda connection: check_up_to_date(connection, database))


def _checked(database: Database, connect: Callable[[], Connection], check: Callable[[Connection], None]) -> Connection:
    """Returns a connection that has passed its checks, else closes it; a driver's error becomes ours."""
    try:
        connection = connect()
        try:
            check(connection)
            database.check_place()
        except BaseException:
            connection.close()
            raise
    except database.errors as error:
        raise unwritable(database, error) from error
    return connection
