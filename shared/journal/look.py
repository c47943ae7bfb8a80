"""A look at a journal that changes nothing of it: it makes no journal, upgrades none and takes no epoch."""

from pathlib import Path
from typing import NamedTuple

from shared.errors import JournalUnwritable
from shared.journal.database import unwritable
from shared.journal.journal import BUSY_S, database_at
from shared.journal.migrations import HEAD, schema_version
from shared.journal.sqlite import SqliteDatabase
from shared.journal.tables import ACCOUNTS


class JournalSeen(NamedTuple):
    """A look has seen this.

    - shown: the place, for people
    - path: its file; None where it lies on a server
    - schema: the version of its tables; None where there is no journal yet
    - bus_id: the bus that the account belongs to; empty where none is known
    - orders: how many it has of the account
    """

    shown: str
    path: Path | None
    schema: str | None = None
    bus_id: str = ""
    orders: int = 0

    @property
    def older(self) -> bool:
        """Says whether the next start upgrades it."""
        return self.schema is not None and self.schema < HEAD


def look_at(url: str, account: str, *, busy_s: float = BUSY_S) -> JournalSeen:
    """Returns what a journal holds of an account, after it was looked through for damage.

    Raises ConfigError, SafetyRefusal (of something else, or newer than this Tickline knows) or JournalUnwritable.
    """
    database = database_at(url, busy_s)
    path = database.path if isinstance(database, SqliteDatabase) else None
    if path is not None and not path.exists():
        return JournalSeen(database.shown, path)
    try:
        connection = database.reader()
        try:
            schema = schema_version(connection, database)
            if schema is None:
                return JournalSeen(database.shown, path)
            if damage := database.damage(connection):
                raise JournalUnwritable(
                    f"journal {database.shown}: the file is damaged ({damage}): put a backup there, as "
                    "docs/operations.md says"
                )
            bus = connection.execute(database.statement(f"SELECT bus_id FROM {ACCOUNTS} WHERE account = ?"), (account,))
            bus_id = bus.fetchone()
            counted = database.statement("SELECT COUNT(*) FROM orders WHERE account = ?")
            (orders,) = connection.execute(counted, (account,)).fetchone()
            return JournalSeen(database.shown, path, schema, str((bus_id and bus_id[0]) or ""), int(orders))
        finally:
            connection.close()
    except database.errors as error:
        raise unwritable(database, error) from error
