"""The one way to talk to a database: its driver (PEP 249), with statements that SQLite and PostgreSQL both understand.

A statement writes `?` where a value goes; `Database.statement` turns it into the driver's own form. Transactions are
begun by `transaction` of writer.py, never by a driver. SQLAlchemy is loaded by alembic alone, to make or upgrade the
tables.
"""

import re
import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl, unquote

from shared.errors import ConfigError, JournalUnwritable, TicklineError


class Fenced(TicklineError):
    """Somebody has raised the epoch since: nothing was written, and nothing may be. Drop the memory and reload.

    - holder: who; empty where nobody ever did.
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


class Cursor(Protocol):
    """A cursor has what came of a statement, with both drivers."""

    @property
    def rowcount(self) -> int:
        """Returns how many rows were written."""

    def fetchone(self) -> Any:
        """Returns the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Returns all rows that are left."""


class Connection(Protocol):
    """A connection runs statements; `sqlite3.Connection` and `psycopg.Connection` have this in common."""

    def execute(self, statement: Any, values: Sequence[Any] = ..., /) -> Cursor:
        """Runs a statement in the driver's form."""

    def commit(self) -> None:
        """Ends the transaction, if there is one."""

    def rollback(self) -> None:
        """Takes the transaction back, if there is one."""

    def close(self) -> None:
        """Gives the connection back."""


class Database(Protocol):
    """A database knows where a journal lies and how its driver is spoken to."""

    dialect: str  # SQLAlchemy's name for it, for alembic
    begin: str  # the statement that begins a transaction which will write
    lock_row: str  # what a SELECT ends with whose row nobody else may change until the transaction ends

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """Returns the errors that its driver raises."""

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        """Returns those of `errors` that are about the values of one row."""

    @property
    def shown(self) -> str:
        """Returns the place, for people: without a password."""

    def statement(self, text: str) -> str:
        """Returns the text with the driver's sign wherever a `?` stands."""

    def prepare(self, create: bool) -> None:
        """Makes what must be there before the first connection, e.g. the folder."""

    def writer(self, durable: bool) -> Connection:
        """Returns a connection that may write; durable: a commit survives a power cut."""

    def reader(self) -> Connection:
        """Returns a connection that only reads, and waits for no writer."""

    def tables(self, connection: Connection) -> set[str]:
        """Returns the names of all tables."""

    def lock_upgrade(self, connection: Connection) -> None:
        """Keeps other upgrades out until this transaction ends."""

    def check_durable(self, connection: Connection) -> None:
        """Raises SafetyRefusal where a commit would not survive a power cut."""

    def reserve(self, connection: Connection) -> None:
        """Takes the disk's space that commits will need, as far as it is there; between transactions."""

    def check_place(self) -> None:
        """Raises JournalUnwritable when what is connected to lies there no more. Cheap: called before every commit."""

    def damage(self, connection: Connection) -> str:
        """Looks through what is stored, and returns the first damage, or an empty text where there is none."""

    def housekeep(self, connection: Connection) -> None:
        """Does what is better done while nobody waits; between transactions."""


def no_journal(shown: str) -> ConfigError:
    """Returns the error for a place where a journal should be and is not."""
    return ConfigError(f"journal {shown}: there is none: correct the journal's URL, or start the gateway once")


class Address(NamedTuple):
    """An address has the parts of a journal's URL; those that it does not name are empty.

    - user: as it was written, quoted where it must be.
    - query: what goes to the driver; several `host=` are one, as libpq wants them, and so are their ports.
    """

    scheme: str
    user: str
    password: str | None
    host: str
    port: int | None
    name: str
    query: dict[str, str]


_URL = re.compile(
    r"([\w+]+)://"
    r"(?:([^:/]*)(?::([^@]*))?@)?"
    r"(?:\[([^/?\]]+)\]|([^/:?@\[]*))"  # an address of IPv6 stands in brackets
    r"(?::(\d+))?"
    r"(?:/([^?]*))?"
    r"(?:\?(.*))?"
)
_SERVER = re.compile(r"([A-Za-z0-9.-]*)(?::(\d*))?")  # the value of a `host=`; a socket's folder and IPv6 are none


def parse_url(url: str) -> Address:
    """Returns the parts of a journal's URL; a ConfigError, which does not show its password, where it is none.

    >>> parse_url("sqlite:////var/lib/tickline/journal.db").name
    '/var/lib/tickline/journal.db'
    >>> parse_url("postgresql://ann@host:5432/journal?sslmode=require")[3:]
    ('host', 5432, 'journal', {'sslmode': 'require'})

    What is quoted (`%20`) is read as what it stands for, in the path too.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise ConfigError(
            "config: the journal's URL is none: write sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        )
    scheme, user, password, ipv6, host, port, name, query = found.groups()
    return Address(
        scheme,
        user or "",
        None if password is None else unquote(password),
        ipv6 or host,
        None if port is None else int(port),
        unquote(name or ""),
        _options(query or ""),
    )


def _options(query: str) -> dict[str, str]:
    """Returns the parameters of a URL; those of several servers, `host=A:1&host=B:2`, as libpq takes them."""
    given = parse_qsl(query)
    options = dict(given)
    if hosts := [value for name, value in given if name == "host"]:
        servers = [_SERVER.fullmatch(host) for host in hosts]
        options["host"] = ",".join(
            host if server is None else server[1] for host, server in zip(hosts, servers, strict=True)
        )
        ports = ",".join((server and server[2]) or "" for server in servers)
        if ports.strip(","):
            options["port"] = ports
    return options


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
# By what libpq says of TLS, which has no code.
TLS = {
    "certificate verify failed": "the server's certificate is not trusted: name its authority's in the URL, "
    "sslrootcert=FILE",
    "root certificate file": "the authority's certificate is not there ({said}): name its file in the URL, "
    "sslrootcert=FILE",
    "does not match host name": "the server's certificate is for another host ({said}): name the server in the URL as "
    "its certificate does",
    "does not support SSL": "the server speaks no TLS: set `ssl = on` there, with its certificate and key",
}
LOST = "the connection is lost or was never made ({said}): see that the server runs and can be reached"
OTHER = "the database refuses ({said})"
OURS = "a fault of Tickline's own ({said}): please report it"


def unwritable(database: Database, error: BaseException) -> JournalUnwritable:
    """Returns one line about an error: which journal, what is wrong with it, and what to do."""
    lines = str(error).strip().splitlines()
    tls = next(((line, TLS[words]) for line in lines for words in TLS if words in line), ("", ""))
    said = (tls[0] or (lines[0] if lines else type(error).__name__)).strip()
    code = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
    if not isinstance(error, database.errors):
        what = OURS
    elif code is None:
        what = OTHER if isinstance(error, sqlite3.Error) else tls[1] or LOST
    else:
        known = [start for start in CAUSES if code.startswith(start)]
        what = CAUSES[max(known, key=len)] if known else OTHER
    return JournalUnwritable(f"journal {database.shown}: {what.format(said=said)}")
