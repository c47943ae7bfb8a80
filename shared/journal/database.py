"""What the two databases must give. SQLite is one file on one host, PostgreSQL serves several."""

import sqlite3
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from shared.errors import ConfigError, JournalUnwritable, TicklineError


class Fenced(TicklineError):
    """Somebody has raised the epoch since: nothing was written, and nothing may be. Drop the memory and reload.

    holder: who; empty where nobody ever did.
    """

    exit_code = 5

    def __init__(self, why: str, holder: str = "") -> None:
        super().__init__(why)
        self.holder = holder


class WriteRefused(TicklineError):
    """This call alone contradicts what stands in the journal: nothing of it was written, other calls go on.

    A state that leaves its terminal one, a known id with other content, a hole or a double in a book's sequence.
    """

    exit_code = 5


AnyInsert: TypeAlias = sqlite.Insert | postgresql.Insert
Insert: TypeAlias = type[sqlite.Insert] | type[postgresql.Insert]


class Database(Protocol):
    """Where a journal lies, and how it is spoken to there."""

    @property
    def shown(self) -> str:
        """Where it lies, for people: without a password."""

    @property
    def insert(self) -> Insert:
        """The dialect's INSERT, which knows ON CONFLICT."""

    def prepare(self, create: bool) -> None:
        """Make what must be there before the first connection, e.g. the folder."""

    def writer(self, durable: bool) -> Engine:
        """For the one writing connection. Every transaction begins with the right to write."""

    def reader(self) -> Engine:
        """For reads; they wait for no writer."""

    def transaction(self, connection: Connection) -> AbstractContextManager[object]:
        """What `connection.begin` gives, the shortest way."""

    def lock_upgrade(self, connection: Connection) -> None:
        """Keep other upgrades out until this transaction ends."""

    def check_durable(self, connection: Connection) -> None:
        """Raise SafetyRefusal where a commit would not survive a power cut."""

    def reserve(self, connection: Connection) -> None:
        """Take the disk's space that commits will need, as far as it is there; between transactions."""

    def check_place(self) -> None:
        """Raise JournalUnwritable when what is connected to lies there no more. Cheap: asked before every commit."""

    def housekeep(self, connection: Connection) -> None:
        """What is better done while nobody waits; between transactions."""


def no_journal(shown: str) -> ConfigError:
    """What to tell where a journal should be and is not."""
    return ConfigError(f"journal {shown}: there is none: correct the journal's URL, or start the gateway once")


def parse_url(url: str) -> URL:
    """The URL, or a ConfigError that does not show its password."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError(
            "config: the journal's URL is none: write sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        ) from None  # the cause shows the whole text


# By the beginning of SQLite's name of the error, or of PostgreSQL's SQLSTATE; the longest that fits.
CAUSES = {
    "SQLITE_FULL": "the disk is full: free space there, then start again",
    "SQLITE_IOERR": "the disk does not take it ({said}): look at the disk, then start again",
    "SQLITE_READONLY": "it can only be read: give this user the right to write to the file and its folder",
    "SQLITE_CANTOPEN": "it cannot be opened: see that its folder is there and this user may write to it",
    "SQLITE_PERM": "it may not be opened: give this user the right to write to the file and its folder",
    "SQLITE_AUTH": "it may not be opened: give this user the right to write to the file and its folder",
    "SQLITE_NOTADB": "it is no SQLite database: name another file, or put the right one there",
    "SQLITE_CORRUPT": "the file is damaged: put a backup there, then run `tickline adopt`",
    "SQLITE_BUSY": "another process holds it locked: find out which (lsof shows it) and end it",
    "SQLITE_LOCKED": "another process holds it locked: find out which (lsof shows it) and end it",
    "08": "the connection is lost: see that the server runs and can be reached",
    "25006": "the server only lets it be read: name the primary server",
    "25P03": "the transaction took too long and the server ended it: see what stopped this process",
    "28": "the server does not let this user in: correct user and password",
    "3D": "the server has no such database: create it, or name another one",
    "42501": "this user may not write there: give it the right to create tables",
    "53100": "the server's disk is full: free space there, then start again",
    "53": "the server is out of resources ({said}): see to the server",
    "55P03": "another process holds it locked: pg_stat_activity shows which",
    "57": "the server ended the connection ({said}): see that it runs",
}
DATABASE_ERRORS = (SQLAlchemyError, sqlite3.Error)
LOST = "the connection is lost or was never made ({said}): see that the server runs and can be reached"
OTHER = "the database refuses ({said})"
OURS = "a fault of Tickline's own ({said}): please report it"


def unwritable(shown: str, error: BaseException) -> JournalUnwritable:
    """What to tell of this error of the journal at `shown`."""
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    lines = str(cause).strip().splitlines()
    said = (lines[0] if lines else type(cause).__name__).strip()
    code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    if not isinstance(error, DATABASE_ERRORS):
        what = OURS
    elif code is None:
        what = LOST if isinstance(error, DBAPIError) and not isinstance(cause, sqlite3.Error) else OTHER
    else:
        known = [start for start in CAUSES if code.startswith(start)]
        what = CAUSES[max(known, key=len)] if known else OTHER
    return JournalUnwritable(f"journal {shown}: {what.format(said=said)}")
