"""A database's error as one line: what is wrong, where, and what to do."""

import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from shared.errors import JournalUnwritable

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
