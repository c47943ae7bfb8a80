"""Another process's transaction, which lasts as long as the test wants."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy import NullPool, create_engine, make_url


@contextmanager
def locked(url: str, account: str) -> Iterator[None]:
    """Holds what every write needs: the file's write lock, or the row with the account's epoch."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(parsed.database), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.exec_driver_sql("SELECT * FROM accounts WHERE account = %(a)s FOR UPDATE", {"a": account})
        yield
