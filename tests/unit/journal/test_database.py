"""Each error of a database as one line that says what, where and what to do."""

import sqlite3

import pytest
from psycopg import errors
from sqlalchemy.exc import OperationalError

from shared.journal.database import unwritable


def wrapped(error: Exception) -> OperationalError:
    """As SQLAlchemy raises it."""
    return OperationalError("INSERT", {}, error)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (errors.DiskFull("could not extend file"), "the server's disk is full: free space there, then start again"),
        (errors.TooManyConnections("sorry"), "the server is out of resources (sorry): see to the server"),
        (errors.ReadOnlySqlTransaction(), "the server only lets it be read: name the primary server"),
        (errors.InsufficientPrivilege(), "this user may not write there: give it the right to create tables"),
        (errors.LockNotAvailable(), "another process holds it locked: pg_stat_activity shows which"),
        (errors.InvalidPassword(), "the server does not let this user in: correct user and password"),
        (errors.UndefinedTable("no such table"), "the database refuses (no such table)"),
        (errors.OperationalError("first line\nlast line\n"), "the connection is lost or was never made (first line)"),
        (errors.OperationalError(), "the connection is lost or was never made (OperationalError)"),
    ],
)
def test_postgres(error: Exception, told: str) -> None:
    assert str(unwritable("here", wrapped(error))).startswith(f"journal here: {told}")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("SQLITE_FULL", "the disk is full: free space there, then start again"),
        ("SQLITE_IOERR_WRITE", "the disk does not take it (said): look at the disk, then start again"),
        ("SQLITE_READONLY_DBMOVED", "it can only be read"),
        ("SQLITE_BUSY_RECOVERY", "another process holds it locked"),
        ("SQLITE_ERROR", "the database refuses (said)"),
    ],
)
def test_sqlite(name: str, told: str) -> None:
    """As the driver raises it, and as SQLAlchemy does."""
    error = sqlite3.OperationalError("said")
    error.sqlite_errorname = name
    for raised in (error, wrapped(error)):
        assert str(unwritable("here", raised)).startswith(f"journal here: {told}")


def test_what_is_no_error_of_the_database_is_a_fault_of_ours() -> None:
    assert str(unwritable("here", KeyError("x"))) == "journal here: a fault of Tickline's own ('x'): please report it"
