"""Another process's transaction, which lasts as long as the test wants."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, make_url


@contextmanager
def locked(url: str, account: str) -> Iterator[None]:
    """Holds what every write needs: the file's write lock, or the row with the account's epoch."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        other = sqlite3.connect(str(parsed.database), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
        other.close()
        return
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT * FROM accounts WHERE account = %(a)s FOR UPDATE", {"a": account})
        yield
    engine.dispose()
