"""SQLite: one file in WAL mode, which all processes of one host may share.

The log is carried over into the file by the writer while it is idle: SQLite's own way, inside every hundredth commit or
so, costs that order three more fsyncs. And it has its full length from the start: a commit that makes it longer waits
for the file system's own journal too, which ext4 writes in a thread of its own, whenever a CPU is free for that.
"""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, Pool, QueuePool

from shared.errors import ConfigError, JournalUnwritable
from shared.journal.database import no_journal

WAL_PAGES = 4000  # of 4 KiB: at this length the log is carried over inside a commit after all
PAGE = 4096
RESERVED = (WAL_PAGES + 100) * PAGE
PLENTY = 20 * RESERVED  # of the disk must be free, else the log grows as it is used
RETRY_S = 0.01
BEGIN = "BEGIN IMMEDIATE"


class SqliteDatabase:
    """A file. busy_s: how long another process's transaction is waited for."""

    insert = Insert

    def __init__(self, url: URL, busy_s: float) -> None:
        if not url.database or url.database == ":memory:" or url.query or url.host:
            raise ConfigError(
                "config: the journal's URL names no file: write sqlite:///PATH (four / before a full path)"
            )
        self.path = Path(url.database).absolute()
        self.shown = url.database
        self._url = url
        self._busy_s = busy_s
        self._file = 0  # its inode, once it is there

    def prepare(self, create: bool) -> None:
        """Make the file's folder."""
        if not create and not self.path.exists():
            raise no_journal(self.shown)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalUnwritable(
                f"journal {self.shown}: its folder cannot be made: {error.strerror}: name another place"
            ) from error

    def writer(self, durable: bool) -> Engine:
        """A transaction begins as IMMEDIATE: what it reads first is still true when it writes."""
        synchronous = "FULL" if durable else "NORMAL"
        pragmas = (f"PRAGMA synchronous = {synchronous}", f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
        return self._engine(NullPool, BEGIN, *pragmas)

    def reader(self) -> Engine:
        """Sees what was committed when its transaction began."""
        return self._engine(QueuePool, "BEGIN", "PRAGMA query_only = ON")

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """Without SQLAlchemy's own, unless a statement needs that: an order waits for each line of it."""
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute(BEGIN)
        try:
            yield
            driver.execute("COMMIT")
        except BaseException:
            driver.rollback()
            raise
        finally:
            connection.rollback()

    def lock_upgrade(self, connection: Connection) -> None:
        """BEGIN IMMEDIATE has done it."""

    def check_durable(self, connection: Connection) -> None:
        """Its writer sets what it takes."""

    def reserve(self, connection: Connection) -> None:
        """A transaction as long as the log may become, taken back. SQLite leaves the file at its length."""
        log = Path(f"{self.path}-wal")
        taken = log.stat().st_size if log.exists() else 0
        if taken >= RESERVED or shutil.disk_usage(self.path.parent).free < PLENTY:
            return
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        (before,) = driver.execute("PRAGMA cache_size").fetchone()
        driver.execute("PRAGMA cache_size = 16")  # what memory does not hold is written
        try:
            driver.execute(BEGIN)
            driver.execute("CREATE TABLE reserved (bytes BLOB)")
            driver.execute("INSERT INTO reserved VALUES (zeroblob(?))", [RESERVED])
        finally:
            driver.rollback()
            driver.execute(f"PRAGMA cache_size = {before}")

    def check_place(self) -> None:
        """A file that was deleted or replaced takes writes all the same, and nobody would ever read them."""
        try:
            found = self.path.stat().st_ino
        except OSError:
            found = 0
        self._file = self._file or found
        if found != self._file:
            raise JournalUnwritable(
                f"journal {self.shown}: the file was moved, deleted or replaced while it was in use: put the right one "
                "there, then start again"
            )

    def housekeep(self, connection: Connection) -> None:
        """Carry the log over into the file, as far as no reader needs it."""
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _engine(self, pool: type[Pool], begin: str, *pragmas: str) -> Engine:
        engine = create_engine(self._url, poolclass=pool, hide_parameters=True, connect_args={"timeout": self._busy_s})

        @event.listens_for(engine, "connect")
        def connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
            assert isinstance(connection, sqlite3.Connection)
            connection.isolation_level = None  # this module begins transactions, not the driver
            self._write_ahead(connection)
            for pragma in pragmas:
                connection.execute(pragma)

        @event.listens_for(engine, "begin")
        def begin_transaction(connection: Connection) -> None:
            driver = connection.connection.driver_connection  # each order waits for it: the shortest way
            assert isinstance(driver, sqlite3.Connection)
            if not driver.in_transaction:
                driver.execute(begin)

        return engine

    def _write_ahead(self, connection: sqlite3.Connection) -> None:
        """WAL mode. SQLite does not wait for others here, so this does."""
        until = time.monotonic() + self._busy_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL").fetchall()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(RETRY_S)
            else:
                return
