"""The journal of one account: one transaction per write, fenced by an epoch, read by anybody.

Whoever writes holds the newest epoch; raising it fences whoever held one before, in the middle of whatever it does. A
person's commands come from another process. What gives a right (arm, resume, adopt) is a `write_by_person` beside the
gateway, which reads it when it looks. What takes one away (halt, disarm) is a `raise_epoch` with its changes: from that
commit on the gateway's next write is Fenced, so it sends nothing before it has read the journal anew.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine

from shared.journal import reads
from shared.journal.database import DATABASE_ERRORS, Database, parse_url, unwritable
from shared.journal.postgres import PostgresDatabase
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
    OrderRow,
    PersonChange,
)
from shared.journal.sqlite import SqliteDatabase
from shared.journal.store import Store
from shared.journal.upgrade import bring_up_to_date
from shared.journal.writer import Writer

BUSY_S = 5.0

R = TypeVar("R")


class Journal:
    """Made by `open`. After JournalUnwritable a write may be done or not: close it, open it again, read what is there.

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

    def __init__(
        self, database: Database, account: str, writer: Writer, reader: Engine, threads: ThreadPoolExecutor
    ) -> None:
        self._database = database
        self._account = account
        self._store = Store(database, account)
        self._writer = writer
        self._reader = reader
        self._threads = threads

    @classmethod
    async def open(
        cls, url: str, account: str, *, durable: bool, create: bool = True, reserve: bool = False,
        busy_s: float = BUSY_S,
    ) -> Self:  # fmt: skip
        """The account's journal at `url`: sqlite:///PATH or postgresql://…; made or upgraded where needed.

        durable: a write that was answered survives a power cut (else: the end of the process, however it comes).
        create: whether one may be made. reserve: take the disk's space at once, for whoever waits for each commit.
        busy_s: how long another process's transaction is waited for.
        Raises ConfigError, SafetyRefusal (a newer schema) or JournalUnwritable.
        """
        database = _database(url, busy_s)
        threads = ThreadPoolExecutor(1, thread_name_prefix="journal-read")
        try:
            connection, reader = await asyncio.get_running_loop().run_in_executor(
                threads, _connect, database, durable, create, reserve
            )
        except BaseException:
            threads.shutdown(wait=False)
            raise
        return cls(database, account, Writer(connection, database), reader, threads)

    @property
    def shown(self) -> str:
        """Which one, for a person; without a password."""
        return f"journal {self._database.shown}"

    async def close(self) -> None:
        """Finish the writes that were asked for, and let go."""
        if self._writer.closed:
            return
        await self._writer.close()
        await asyncio.get_running_loop().run_in_executor(self._threads, self._reader.dispose)
        self._threads.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def raise_epoch(self, owner: str, changes: Sequence[PersonChange] = ()) -> int:
        """A new epoch, and these changes with it; every older one is fenced when this returns."""
        _check_commands(changes)

        def work(connection: Connection) -> int:
            epoch = self._store.raise_epoch(connection, owner)
            self._store.put(connection, changes)
            return epoch

        return await self._writer.do(work)

    async def write(self, changes: Sequence[Change], epoch: int, meanwhile: Callable[[], None] | None = None) -> None:
        """All of it or nothing, on disk when this returns. Raises Fenced, WriteRefused or JournalUnwritable.

        meanwhile: is called while the disk is at work, where that can be told; it knows nothing of how the write ends.
        """

        def work(connection: Connection) -> None:
            self._store.check_epoch(connection, epoch)
            self._store.put(connection, changes)

        await self._writer.do(work, meanwhile)

    async def write_by_person(self, changes: Sequence[PersonChange]) -> None:
        """A person's word, whoever holds the epoch; never an order, a fill, an execution or a limit."""
        _check_commands(changes)
        await self._writer.do(lambda connection: self._store.put(connection, changes))

    async def epoch(self) -> EpochRow:
        """Who may write."""
        return await self._read(lambda here: reads.epoch_row(here, self._account))

    async def orders(self, *, open_only: bool = True, since_ms: int = 0) -> list[OrderRow]:
        """Orders in the order of their decisions; since_ms: last changed then or later."""
        return await self._read(lambda here: reads.order_rows(here, self._account, open_only, since_ms))

    async def order(self, client_order_id: str) -> OrderRow | None:
        """The order, if it is known."""
        return await self._read(lambda here: reads.order_row(here, self._account, client_order_id))

    async def newest_tick_ns(self) -> int:
        """ts_event of the newest tick that an order comes from, 0 without an order."""
        return await self._read(lambda here: reads.newest_tick_ns(here, self._account))

    async def executions(self, book: str, after_seq: int = 0, limit: int = 1000) -> list[ExecutionRow]:
        """A book's executions behind `after_seq`, in sequence."""
        return await self._read(lambda here: reads.execution_rows(here, self._account, book, after_seq, limit))

    async def last_seqs(self) -> dict[str, int]:
        """Every book that has an execution, and the number of its last."""
        return await self._read(lambda here: reads.last_seqs(here, self._account))

    async def last_seq(self, book: str) -> int:
        """The number of the book's last execution, 0 before the first."""
        return await self._read(lambda here: reads.last_seq(here, self._account, book))

    async def fills(self, *, since_ms: int = 0, client_order_id: str | None = None) -> list[FillRow]:
        """Trades in the order of their times; of one order, or of all."""
        return await self._read(lambda here: reads.fill_rows(here, self._account, since_ms, client_order_id))

    async def funding(self, *, since_ms: int = 0) -> list[FundingRow]:
        """Funding payments in the order of their times."""
        return await self._read(lambda here: reads.funding_rows(here, self._account, since_ms))

    async def limits(self) -> dict[str, bytes]:
        """Each limit's state by its name."""
        return await self._read(lambda here: reads.limit_values(here, self._account))

    async def latches(self) -> dict[str, LatchRow]:
        """What is latched, by name."""
        return await self._read(lambda here: reads.latch_rows(here, self._account))

    async def arming(self) -> ArmingRow | None:
        """The arming, run out or not, if there is one."""
        return await self._read(lambda here: reads.arming_row(here, self._account))

    async def externals(self, *, adopted: bool | None = None) -> list[ExternalRow]:
        """All differences, or those that are (not) adopted."""
        return await self._read(lambda here: reads.external_rows(here, self._account, adopted))

    async def events(self, limit: int) -> list[EventRow]:
        """The newest events, the last one last."""
        return await self._read(lambda here: reads.event_rows(here, self._account, limit))

    async def bus_id(self) -> str | None:
        """The bus that this account belongs to, once it is known (SetBusId)."""
        return await self._read(lambda here: reads.bus_id(here, self._account))

    async def _read(self, work: Callable[[Connection], R]) -> R:
        self._writer.check_open()
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read_now, work)

    def _read_now(self, work: Callable[[Connection], R]) -> R:
        self._database.check_place()
        try:
            with self._reader.connect() as connection:
                return work(connection)
        except DATABASE_ERRORS as error:
            raise unwritable(self._database.shown, error) from error


def _check_commands(changes: Sequence[Change]) -> None:
    for change in changes:
        if not isinstance(change, PersonChange):
            raise TypeError(f"{type(change).__name__} is no person's command")


def _database(url: str, busy_s: float) -> Database:
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteDatabase(parsed, busy_s)
    return PostgresDatabase(parsed, busy_s)


def _connect(database: Database, durable: bool, create: bool, reserve: bool) -> tuple[Connection, Engine]:
    """The writing connection, on tables that are up to date, and the readers' engine."""
    database.prepare(create)
    try:
        connection = database.writer(durable).connect()
        try:
            bring_up_to_date(connection, database, create)
            if durable:
                with connection.begin():
                    database.check_durable(connection)
            if reserve:
                database.reserve(connection)
            database.check_place()
        except BaseException:
            connection.close()
            raise
    except DATABASE_ERRORS as error:
        raise unwritable(database.shown, error) from error
    return connection, database.reader()
