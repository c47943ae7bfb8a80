"""PostgreSQL, for replicas on several hosts."""

from contextlib import AbstractContextManager

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.pool import NullPool, Pool, QueuePool

from shared.errors import ConfigError, SafetyRefusal

DRIVER = "postgresql+psycopg"
UPGRADE_LOCK = 0x7469636B6C696E65  # `tickline`
CONNECT_S = 5
# A server that is gone without a word is noticed in this time, and so is a client by the server.
KEEPALIVE = {
    "keepalives": 1, "keepalives_idle": 3, "keepalives_interval": 1, "keepalives_count": 3, "tcp_user_timeout": 6000,
}  # fmt: skip


class PostgresDatabase:
    """A database. busy_s: how long another process's transaction is waited for."""

    insert = Insert

    def __init__(self, url: URL, busy_s: float) -> None:
        if url.drivername not in ("postgresql", DRIVER):
            raise ConfigError(f"config: the journal's URL begins with {url.drivername}: write {DRIVER}://")
        self._url = url.set(drivername=DRIVER)
        self.shown = self._url.set(query={}).render_as_string(hide_password=True)
        self._busy_ms = max(1, round(busy_s * 1000))

    def prepare(self, create: bool) -> None:
        """The database must be there."""

    def writer(self, durable: bool) -> Engine:
        """A process that is stopped in the middle of a transaction loses its locks before others give up."""
        return self._engine(
            NullPool,
            synchronous_commit="on" if durable else "off",
            lock_timeout=str(self._busy_ms),
            statement_timeout=str(2 * self._busy_ms),
            idle_in_transaction_session_timeout=str(max(1, self._busy_ms // 2)),
        )

    def reader(self) -> Engine:
        """Sees what was committed when its transaction began."""
        return self._engine(
            QueuePool,
            default_transaction_read_only="on",
            default_transaction_isolation="repeatable\\ read",
            statement_timeout=str(2 * self._busy_ms),
        )

    def transaction(self, connection: Connection) -> AbstractContextManager[object]:
        """SQLAlchemy's."""
        return connection.begin()

    def lock_upgrade(self, connection: Connection) -> None:
        """Held until the transaction ends."""
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})")

    def check_durable(self, connection: Connection) -> None:
        """A server with fsync off answers before anything is on disk."""
        if connection.exec_driver_sql("SHOW fsync").scalar_one() != "on":
            raise SafetyRefusal(f"journal {self.shown}: the server runs with fsync = off: set it to on")

    def reserve(self, connection: Connection) -> None:
        """The server does it by itself."""

    def check_place(self) -> None:
        """A connection stays with its database."""

    def housekeep(self, connection: Connection) -> None:
        """The server does it by itself."""

    def _engine(self, pool: type[Pool], **settings: str) -> Engine:
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        return create_engine(
            self._url,
            hide_parameters=True,
            poolclass=pool,
            connect_args={"connect_timeout": CONNECT_S, "options": options, **KEEPALIVE},
        )
