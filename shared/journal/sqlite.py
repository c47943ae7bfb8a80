"""A journal lies in SQLite, one file in WAL mode, where all processes of one host share it.

The log is carried over into the file by the writer while it is idle: SQLite's own way, inside every hundredth commit or
so, costs that order three more fsyncs. And it has its full length from the start: a commit that makes it longer waits
for the file system's own journal too, which ext4 writes in a thread of its own, whenever a CPU is free for that.
"""

import shutil
import sqlite3
import time
from pathlib import Path

from shared.errors import ConfigError, JournalUnwritable
from shared.journal.database import Address, Connection, no_journal

WAL_PAGES = 4000  # of 4 KiB: at this length the log is carried over inside a commit after all
PAGE = 4096
RESERVED = (WAL_PAGES + 100) * PAGE
PLENTY = 20 * RESERVED  # of the disk must be free, else the log grows as it is used
RETRY_S = 0.01


class SqliteDatabase:
    """The journal lies in a file on this host.

    - busy_s: how long another process's transaction is waited for.
    """

    dialect = "sqlite"
    begin = "BEGIN IMMEDIATE"  # what a transaction reads first is still true when it writes
    lock_row = ""  # it has the whole file
    errors = (sqlite3.Error,)
    refusals = (sqlite3.IntegrityError, sqlite3.DataError)

    def __init__(self, address: Address, busy_s: float) -> None:
        if not address.name or address.name == ":memory:" or address.query or address.host:
            raise ConfigError(
                "config: the journal's URL names no file: write sqlite:///PATH (four / before a full path)"
            )
        self.path = Path(address.name).absolute()
        self._log = Path(f"{self.path}-wal")
        self.shown = address.name
        self._busy_s = busy_s
        self._files: dict[Path, int] = {}  # the inodes of the file and its log, once they are there

    def statement(self, text: str) -> str:
        """Returns the text: the driver's sign is `?`."""
        return text

    def prepare(self, create: bool) -> None:
        """Makes the file's folder; raises ConfigError or JournalUnwritable."""
        if not create and not self.path.exists():
            raise no_journal(self.shown)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalUnwritable(
                f"journal {self.shown}: its folder cannot be made: {error.strerror}: name another place"
            ) from error

    def writer(self, durable: bool) -> Connection:
        """Returns a connection whose log is carried over only where `housekeep` is not called for long."""
        synchronous = "FULL" if durable else "NORMAL"
        return self._connect(f"PRAGMA synchronous = {synchronous}", f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")

    def reader(self) -> Connection:
        """Returns a connection that SQLite keeps from writing."""
        return self._connect("PRAGMA query_only = ON")

    def tables(self, connection: Connection) -> set[str]:
        """Returns the names of all tables."""
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name for (name,) in found.fetchall()}

    def lock_upgrade(self, connection: Connection) -> None:
        """Does nothing: `begin` has taken the lock."""

    def check_durable(self, connection: Connection) -> None:
        """Does nothing: its writer sets what it takes."""

    def reserve(self, connection: Connection) -> None:
        """Writes as much as the log may become, and takes it back: SQLite leaves the log's file at its length."""
        taken = self._log.stat().st_size if self._log.exists() else 0
        if taken >= RESERVED or shutil.disk_usage(self.path.parent).free < PLENTY:
            return
        (before,) = connection.execute("PRAGMA cache_size").fetchone()
        connection.execute("PRAGMA cache_size = 16")  # what memory does not hold is written
        try:
            connection.execute(self.begin)
            connection.execute("CREATE TABLE reserved (bytes BLOB)")
            connection.execute("INSERT INTO reserved VALUES (zeroblob(?))", [RESERVED])
        finally:
            connection.rollback()
            connection.execute(f"PRAGMA cache_size = {before}")

    def check_place(self) -> None:
        """Looks whether file and log are still the same: deleted ones take writes all the same, and nobody reads them.

        A log stays as long as somebody has the journal open.
        """
        for path, what in ((self.path, "file"), (self._log, "log (-wal)")):
            found = _inode(path)
            known = self._files.setdefault(path, found) if found else self._files.get(path, found)
            if found != known:
                raise JournalUnwritable(
                    f"journal {self.shown}: the {what} was moved, deleted or replaced while it was in use: put the "
                    "right one there, then start again"
                )

    def damage(self, connection: Connection) -> str:
        """Returns the first thing that SQLite finds wrong with the file."""
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        return "" if said == "ok" else str(said)

    def housekeep(self, connection: Connection) -> None:
        """Carries the log over into the file, as far as no reader needs it."""
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _connect(self, *pragmas: str) -> sqlite3.Connection:
        """Returns a connection in WAL mode, for one thread at a time, whose transactions no driver begins."""
        connection = sqlite3.connect(self.path, self._busy_s, isolation_level=None, check_same_thread=False)
        try:
            self._write_ahead(connection)
            for pragma in pragmas:
                connection.execute(pragma)
        except BaseException:
            connection.close()
            raise
        return connection

    def _write_ahead(self, connection: sqlite3.Connection) -> None:
        """Sets WAL mode. SQLite does not wait for others here, so this does."""
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


def _inode(path: Path) -> int:
    """Returns what tells a file from another one; 0 where there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0
