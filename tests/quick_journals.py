"""New journals in SQLite for tests that are about something else: as alembic makes one, which it does once a process.

What alembic does, and that a journal is made, upgraded and refused as it should be: `tests/contract/test_journal_*.py`.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from shared.journal import migrations
from shared.journal.database import Database, parse_url
from shared.journal.sqlite import SqliteDatabase
from shared.journal.writer import transaction

by_alembic = migrations._migrate


@cache
def statements() -> tuple[str, ...]:
    """Returns those that make a journal's tables, and tell its schema."""
    with TemporaryDirectory() as folder:
        made = SqliteDatabase(parse_url(f"sqlite:///{Path(folder) / 'journal.db'}"), 5.0)
        by_alembic(made)
        with closing(sqlite3.connect(made.path)) as connection:
            return tuple(connection.iterdump())[1:-1]  # between BEGIN and COMMIT


def _migrate(database: Database) -> None:
    if isinstance(database, SqliteDatabase):
        with closing(database.writer(durable=False)) as connection, transaction(database, connection):
            if not database.tables(connection):
                for statement in statements():
                    connection.execute(statement)
                return
    by_alembic(database)


@contextmanager
def quick_journals() -> Iterator[None]:
    """Makes new journals the quick way inside, and takes no disk space for their logs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "_migrate", _migrate)
        patch.setattr(SqliteDatabase, "reserve", _nothing)
        yield


def _nothing(database: Any, connection: Any) -> None:
    """In place of `reserve`, which `tests/contract/test_journal_trouble.py` shows."""
