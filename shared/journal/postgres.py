"""A journal lies in PostgreSQL where replicas work on several hosts."""

from typing import Any
from urllib.parse import quote, unquote

import psycopg

from shared.errors import ConfigError, SafetyRefusal
from shared.journal.database import Address, Connection

SCHEMES = ("postgresql", "postgresql+psycopg")
UPGRADE_LOCK = 0x7469636B6C696E65  # `tickline`
CONNECT_S = 5
# A server that is gone without a word is noticed in this time, and so is a client by the server.
KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 6000,
}


class PostgresDatabase:
    """The journal lies in a database on a server.

    - busy_s: how long another process's transaction is waited for.
    """

    dialect = SCHEMES[-1]
    begin = "BEGIN"
    lock_row = " FOR UPDATE"
    errors = (psycopg.Error,)
    refusals = (psycopg.IntegrityError, psycopg.DataError)

    def __init__(self, address: Address, busy_s: float) -> None:
        if address.scheme not in SCHEMES:
            raise ConfigError(f"config: the journal's URL begins with {address.scheme}: write {self.dialect}://")
        password = "" if address.password is None else ":***"
        named = quote(unquote(address.user), safe=" +")
        user = f"{named}{password}@" if named or password else ""
        port = "" if address.port is None else f":{address.port}"
        name = f"/{quote(address.name, safe=' +/')}" if address.name else ""
        host = f"[{address.host}]" if ":" in address.host else address.host
        self.shown = f"{self.dialect}://{user}{host}{port}{name}"
        self._address = address
        self._busy_ms = max(1, round(busy_s * 1000))

    def statement(self, text: str) -> str:
        """Returns the text with `%s`, the driver's sign."""
        return text.replace("?", "%s")

    def named(self) -> dict[str, str]:
        """Returns the address as the driver's arguments, without what is empty."""
        address = self._address
        named = {
            "host": address.host,
            "port": "" if address.port is None else str(address.port),
            "dbname": address.name,
            "user": unquote(address.user),
            "password": address.password,
        }
        return {**{name: value for name, value in named.items() if value}, **address.query}

    def prepare(self, create: bool) -> None:
        """Does nothing: the database must be there."""

    def writer(self, durable: bool) -> Connection:
        """Returns a connection that loses its locks before others give up, when its process stops in a transaction."""
        return self._connect(
            synchronous_commit="on" if durable else "off",
            lock_timeout=str(self._busy_ms),
            statement_timeout=str(2 * self._busy_ms),
            idle_in_transaction_session_timeout=str(max(1, self._busy_ms // 2)),
        )

    def reader(self) -> Connection:
        """Returns a connection that the server keeps from writing."""
        return self._connect(default_transaction_read_only="on", statement_timeout=str(2 * self._busy_ms))

    def tables(self, connection: Connection) -> set[str]:
        """Returns the names of all tables of the schema that is written to."""
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        return {name for (name,) in found.fetchall()}

    def lock_upgrade(self, connection: Connection) -> None:
        """Takes a lock until the transaction ends, which has as long as its steps take, and what lies between."""
        connection.execute(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})")
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        connection.execute("SET LOCAL statement_timeout = 0")

    def check_durable(self, connection: Connection) -> None:
        """Raises SafetyRefusal of a server with fsync off, which answers before anything is on disk."""
        if connection.execute("SHOW fsync").fetchone()[0] != "on":
            raise SafetyRefusal(f"journal {self.shown}: the server runs with fsync = off: set it to on")

    def reserve(self, connection: Connection) -> None:
        """Does nothing: the server does it by itself."""

    def check_place(self) -> None:
        """Does nothing: a connection stays with its database."""

    def damage(self, connection: Connection) -> str:
        """Returns none: the server watches over its pages."""
        return ""

    def housekeep(self, connection: Connection) -> None:
        """Does nothing: the server does it by itself."""

    def _connect(self, **settings: str) -> "psycopg.Connection[tuple[Any, ...]]":
        """Returns a connection whose transactions this room begins, not the driver."""
        given: dict[str, Any] = {
            **self.named(),
            **KEEPALIVE,
            "connect_timeout": CONNECT_S,
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        }
        return psycopg.connect(autocommit=True, **given)
