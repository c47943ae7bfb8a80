"""A month while it is fetched: SQLite, so that a page is there as a whole or not at all, and each row once."""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from services.research.download.disk import storing
from services.research.download.pages import Page
from services.research.download.rows import Row

BATCH_ROWS = 65_536
_SQLITE_FIELDS = "origin TEXT, start_ms INTEGER, after_ms INTEGER, at_ms INTEGER, repeats INTEGER"


class Head(NamedTuple):
    """origin: of the rows, as text. start_ms: all rows from here on are wanted.

    after_ms: those before it stand in the month's file; None: there is no such file, or it is not to be kept.
    at_ms: how far the exchange has been read. repeats: how many rows came again, in all runs.
    """

    origin: str
    start_ms: int
    after_ms: int | None
    at_ms: int
    repeats: int


class Partial:
    """One month's rows so far; a context manager. Nothing can be added before `begin`, in this or an earlier run.

    Each change is one transaction, on the disk when its method returns: a process that is killed loses no page but the
    one it is writing. Raises ConfigError where the disk does not take it, DataError where the file is damaged.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._path = path
        self._fields = ", ".join(("at_ms", "id", *columns))
        self._places = ", ".join("?" * (2 + len(columns)))
        values = "".join(f", {column} TEXT" for column in columns)
        with storing(path):
            self._db = sqlite3.connect(path, isolation_level=None)
            try:
                self._db.execute("PRAGMA synchronous = FULL")
                with self._transaction():
                    self._db.execute(f"CREATE TABLE IF NOT EXISTS head ({_SQLITE_FIELDS})")
                    self._db.execute(
                        f"CREATE TABLE IF NOT EXISTS rows (at_ms INTEGER, id TEXT{values}, PRIMARY KEY (at_ms, id)) "
                        f"WITHOUT ROWID"
                    )
            except sqlite3.Error:
                self._db.close()
                raise

    def __enter__(self) -> "Partial":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._db.close()

    @property
    def head(self) -> Head | None:
        """How it was begun, and how far it is; None before `begin`."""
        with storing(self._path):
            found = self._db.execute("SELECT * FROM head").fetchone()
        return None if found is None else Head(*found)

    def begin(self, head: Head, tail: Sequence[Row]) -> None:
        """Begin anew. tail: what the month's file has from `after_ms` on."""
        with storing(self._path), self._transaction():
            self._db.execute("DELETE FROM rows")
            self._db.execute("DELETE FROM head")
            self._db.execute("INSERT INTO head VALUES (?, ?, ?, ?, ?)", head)
            self._insert(tail)

    def add(self, page: Page) -> None:
        """Write a page, all of it or nothing."""
        with storing(self._path), self._transaction():
            self._insert(page.rows)
            self._db.execute("UPDATE head SET at_ms = max(at_ms, ?), repeats = repeats + ?", (page.at_ms, page.repeats))

    def tail(self) -> list[Row]:
        """The rows of the latest time that there is."""
        with storing(self._path), self._select("WHERE at_ms = (SELECT max(at_ms) FROM rows)") as cursor:
            return [_row(fields) for fields in cursor]

    def batches(self) -> Iterator[list[Row]]:
        """All rows in order, some at a time."""
        with storing(self._path), self._select("ORDER BY at_ms, length(id), id") as cursor:
            while found := cursor.fetchmany(BATCH_ROWS):
                yield [_row(fields) for fields in found]

    def _insert(self, rows: Sequence[Row]) -> None:
        fields = [(row.at_ms, row.id, *row.values) for row in rows]
        self._db.executemany(f"INSERT OR IGNORE INTO rows ({self._fields}) VALUES ({self._places})", fields)  # noqa: S608

    def _select(self, which: str) -> contextlib.closing[sqlite3.Cursor]:
        return contextlib.closing(self._db.execute(f"SELECT {self._fields} FROM rows {which}"))  # noqa: S608

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk may have rolled it back already
                self._db.execute("ROLLBACK")
            raise


def _row(fields: tuple[int, str, *tuple[str | None, ...]]) -> Row:
    at_ms, identity, *values = fields
    return Row(at_ms, identity, tuple(values))
