"""A month's Parquet file, and what it says of itself.

`datetime` is a timestamp in UTC; numbers are texts with the exchange's own digits. shared.history reads those exactly,
and any tool casts them in one step. A float would lose digits of large volumes; a decimal of one fixed scale would pad
each price (71440.100000000000000000) or not hold it, and one of fitting scale would give two months two schemas.

pyarrow ships no types, so its tables and schemas are `Any` here."""

import contextlib
import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet
from pydantic import BaseModel, ConfigDict, ValidationError

from services.research.download.job import RowsOrigin
from services.research.download.kinds import HistoryRow, Kind
from services.research.download.pages import HistoryPage
from shared.errors import ConfigError, DataError

TIME, ID = "datetime", "id"
_KEY = b"tickline"
_TIME_TYPE = pa.timestamp("ms", "UTC")
_REMEDY = "move it away and run the same command again"


class Coverage(BaseModel):
    """Coverage says where a file's rows come from: all there are from `start_ms` until before `end_ms`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: RowsOrigin
    start_ms: int
    end_ms: int
    repeats: int


def schema(kind: Kind) -> Any:
    """Returns the columns of a kind's files."""
    texts = (*kind.columns, ID) if kind.has_id else kind.columns
    return pa.schema([pa.field(TIME, _TIME_TYPE, nullable=False), *(pa.field(name, pa.string()) for name in texts)])


def about(path: Path) -> Coverage | None:
    """Returns what a file says of itself; None where there is no file. A DataError where it is none of ours."""
    if not path.exists():
        return None
    with _opened(path) as file:
        return _about(path, file)


def lacks_columns(path: Path, kind: Kind) -> bool:
    """Says whether an older Tickline wrote a file, with fewer columns than the kind has now."""
    with _opened(path) as file:
        return not set(schema(kind).names) <= set(file.schema_arrow.names)


def write(path: Path, kind: Kind, new: Coverage, parts: Iterable[Any]) -> int:
    """Puts a file of these tables in the place of what is there, as a whole; returns the number of rows."""
    rows = 0
    with replacing(path) as temporary:
        form = schema(kind).with_metadata({_KEY: new.model_dump_json().encode()})
        with temporary.open("wb") as file, parquet.ParquetWriter(file, form, compression="zstd") as writer:
            for part in parts:
                if part.num_rows:
                    writer.write_table(part.cast(form))
                    rows += part.num_rows
    return rows


def table(kind: Kind, rows: Sequence[HistoryRow]) -> Any:
    """Makes a table of rows."""
    times = pa.array([row.at_ms for row in rows], pa.int64()).cast(_TIME_TYPE)
    texts = [pa.array([row.values[at] for row in rows], pa.string()) for at in range(len(kind.columns))]
    ids = [pa.array([row.id for row in rows], pa.string())] if kind.has_id else []
    return pa.Table.from_arrays([times, *texts, *ids], schema=schema(kind))


def tables(path: Path, start_ms: int, end_ms: int) -> Iterator[Any]:
    """Yields a file's rows from `start_ms` until before `end_ms`, a row group at a time."""
    first, end = (pa.scalar(at_ms, pa.int64()).cast(_TIME_TYPE) for at_ms in (start_ms, end_ms))
    with _opened(path) as file:
        for group in range(file.num_row_groups):
            found = file.read_row_group(group)
            inside = pc.and_(pc.greater_equal(found[TIME], first), pc.less(found[TIME], end))
            yield found.filter(inside)


def last_rows(path: Path, kind: Kind) -> list[HistoryRow]:
    """Returns the rows of a file's last time."""
    with _opened(path) as file:
        last = file.read_row_group(file.num_row_groups - 1)
    at_ms = pc.max(last[TIME].cast(pa.int64())).as_py()
    found = last.filter(pc.equal(last[TIME].cast(pa.int64()), at_ms)).to_pylist()
    return [HistoryRow(at_ms, row.get(ID, ""), tuple(row[name] for name in kind.columns)) for row in found]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read ({' '.join(str(error).split())[:120]}): {_REMEDY}") from error


def _about(path: Path, file: Any) -> Coverage:
    try:
        return Coverage.model_validate_json((file.schema_arrow.metadata or {})[_KEY])
    except (KeyError, ValidationError) as error:
        raise DataError(f"{path}: was not written by `tickline download`: {_REMEDY}") from error


_FULL = "no space is left on the disk: free some and run the same command again; what was fetched is kept"


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turns the errors of writing and reading back into ConfigErrors and, for a damaged file, a DataError."""
    try:
        yield
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise ConfigError(f"{path}: {_FULL}") from error
        if error.sqlite_errorcode in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise DataError(f"{path}: damaged ({error}): delete it and run the same command again") from error
        raise ConfigError(f"{path}: cannot be written ({error}): check the folder and its rights") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ConfigError(f"{path}: {_FULL}") from error
        raise ConfigError(f"{path}: cannot be written ({error.strerror or error}): check it and its rights") from error


def make_folder(folder: Path) -> None:
    """Makes a folder that can be written into, or raises a ConfigError."""
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lets only one process work in this folder; the lock ends with its process, however that ends."""
    with storing(folder / ".lock"):
        lock = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"{folder}: another download writes here: wait for its end") from error
        yield
    finally:
        os.close(lock)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path whose file takes the place of `path` as a whole when the block ends well."""
    temporary = path.with_name(f".{path.name}.tmp")
    with storing(path):
        try:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


BATCH_ROWS = 65_536
_SQLITE_FIELDS = "origin TEXT, start_ms INTEGER, after_ms INTEGER, at_ms INTEGER, repeats INTEGER"


class Head(NamedTuple):
    """A Head says how a month was begun, and how far it is.

    - origin: of the rows, as text
    - start_ms: all rows from here on are wanted
    - after_ms: those before it stand in the month's file; None: there is no such file, or it is not to be kept
    - at_ms: how far the exchange has been read
    - repeats: how many rows came again, in all runs
    """

    origin: str
    start_ms: int
    after_ms: int | None
    at_ms: int
    repeats: int


class Partial:
    """A Partial holds one month's rows while they are fetched, in SQLite; a context manager.

    A page is there as a whole or not at all, and each row once. Nothing can be added before `begin`, in this or an
    earlier run. Each change is one transaction, on the disk when its method returns: a process that is killed loses no
    page but the one it is writing. Raises ConfigError where the disk does not take it, DataError where the file is
    damaged.
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
                    self._drop_older(columns)
                    self._db.execute(f"CREATE TABLE IF NOT EXISTS head ({_SQLITE_FIELDS})")
                    self._db.execute(
                        f"CREATE TABLE IF NOT EXISTS rows (at_ms INTEGER, id TEXT{values}, PRIMARY KEY (at_ms, id)) "
                        f"WITHOUT ROWID"
                    )
            except sqlite3.Error:
                self._db.close()
                raise

    def _drop_older(self, columns: Sequence[str]) -> None:
        """Forgets what an older Tickline began with fewer columns."""
        there = {row[1] for row in self._db.execute("PRAGMA table_info(rows)")}
        if there and not there.issuperset(columns):
            self._db.execute("DROP TABLE rows")
            self._db.execute("DROP TABLE IF EXISTS head")

    def __enter__(self) -> "Partial":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._db.close()

    @property
    def head(self) -> Head | None:
        """Returns how the file was begun, and how far it is; None before `begin`."""
        with storing(self._path):
            found = self._db.execute("SELECT * FROM head").fetchone()
        return None if found is None else Head(*found)

    def begin(self, head: Head, tail: Sequence[HistoryRow]) -> None:
        """Begins anew. tail: what the month's file has from `after_ms` on."""
        with storing(self._path), self._transaction():
            self._db.execute("DELETE FROM rows")
            self._db.execute("DELETE FROM head")
            self._db.execute("INSERT INTO head VALUES (?, ?, ?, ?, ?)", head)
            self._insert(tail)

    def add(self, page: HistoryPage) -> None:
        """Writes a page, all of it or nothing."""
        with storing(self._path), self._transaction():
            self._insert(page.rows)
            self._db.execute("UPDATE head SET at_ms = max(at_ms, ?), repeats = repeats + ?", (page.at_ms, page.repeats))

    def tail(self) -> list[HistoryRow]:
        """Returns the rows of the latest time that there is."""
        with storing(self._path), self._select("WHERE at_ms = (SELECT max(at_ms) FROM rows)") as cursor:
            return [_row(fields) for fields in cursor]

    def batches(self) -> Iterator[list[HistoryRow]]:
        """Yields all rows in order, some at a time."""
        with storing(self._path), self._select("ORDER BY at_ms, length(id), id") as cursor:
            while found := cursor.fetchmany(BATCH_ROWS):
                yield [_row(fields) for fields in found]

    def _insert(self, rows: Sequence[HistoryRow]) -> None:
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


def _row(fields: tuple[int, str, *tuple[str | None, ...]]) -> HistoryRow:
    at_ms, identity, *values = fields
    return HistoryRow(at_ms, identity, tuple(values))
