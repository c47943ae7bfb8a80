"""Each error of a database as one line that says what, where and what to do."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg import errors
from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from shared.errors import ConfigError
from shared.journal.database import Address, parse_url, unwritable
from shared.journal.postgres import PostgresDatabase
from shared.journal.sqlite import SqliteDatabase

pytestmark = pytest.mark.alembic
SQLITE = SqliteDatabase(parse_url("sqlite:///here"), 1.0)
POSTGRES = PostgresDatabase(parse_url("postgresql://here"), 1.0)


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
    assert str(unwritable(POSTGRES, error)).startswith(f"journal postgresql+psycopg://here: {told}")


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
    error = sqlite3.OperationalError("said")
    error.sqlite_errorname = name
    assert str(unwritable(SQLITE, error)).startswith(f"journal here: {told}")


def test_what_is_no_error_of_the_database_is_a_fault_of_ours() -> None:
    assert str(unwritable(SQLITE, KeyError("x"))) == "journal here: a fault of Tickline's own ('x'): please report it"


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("sqlite:///state/journal.db", Address("sqlite", "", None, "", None, "state/journal.db", {})),
        ("sqlite:////a b/#1%20.db", Address("sqlite", "", None, "", None, "/a b/#1 .db", {})),
        ("sqlite://", Address("sqlite", "", None, "", None, "", {})),
        (
            "postgresql+psycopg://ann%40x:p%3Aw@[::1]:5433/j?sslmode=require&a=%20",
            Address("postgresql+psycopg", "ann%40x", "p:w", "::1", 5433, "j", {"sslmode": "require", "a": " "}),
        ),
        (
            "postgresql:///j?host=/run/postgresql",
            Address("postgresql", "", None, "", None, "j", {"host": "/run/postgresql"}),
        ),
        ("postgresql://ann@db1:p@db1.example/j", Address("postgresql", "ann@db1", "p", "db1.example", None, "j", {})),
        (
            "postgresql://ann@/j%201?host=a:5432&host=b.example:5433&host=c",
            Address("postgresql", "ann", None, "", None, "j 1", {"host": "a,b.example,c", "port": "5432,5433,"}),
        ),
        (
            "postgresql:///j?host=a,b&port=1,2&host=::1",
            Address("postgresql", "", None, "", None, "j", {"host": "a,b,::1", "port": "1,2"}),
        ),
    ],
)
def test_an_address(url: str, parts: Address) -> None:
    assert parse_url(url) == parts


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann@db1:p@db1.example/j",
        "postgresql://ann:@db1:5/j%201",
        "postgresql://a%40b:p%20q@[::1]:5433/j?sslmode=require&a=%20",
        "postgresql:///j?host=/run/postgresql",
        "postgresql://ann:p@/j?host=a:5432&host=b:5433&target_session_attrs=read-write",
        "postgresql://ann:p/q?r[s@h1,h2/j%3F",
    ],
)
def test_an_address_means_what_sqlalchemy_reads_in_it(url: str) -> None:
    """It was SQLAlchemy that opened the first journals: the same URL leads to the same one."""
    driver = make_url(url).set(drivername="postgresql+psycopg")
    _, expected = PGDialect_psycopg().create_connect_args(driver)
    database = PostgresDatabase(parse_url(url), 1.0)
    assert database.named() == {name: str(value) for name, value in expected.items()}
    assert database.shown == driver.set(query={}).render_as_string(hide_password=True)


@pytest.mark.parametrize("url", ["sqlite:////a%20b/j.db", "sqlite:////a b/50%.db", "sqlite:////%2525/j.db"])
def test_a_path_is_read_as_it_always_was(url: str) -> None:
    """A journal that lies elsewhere is an empty one: without orders, latches and epochs."""
    assert str(SqliteDatabase(parse_url(url), 1.0).path) == make_url(url).database


def test_what_is_shown_of_an_address_has_no_password_and_no_query() -> None:
    for host in ("[::1]:5433", "db.example", ""):
        url = f"postgresql://ann%40x:s3cret@{host}/journal?password=s3cret"
        assert PostgresDatabase(parse_url(url), 1.0).shown == f"postgresql+psycopg://ann%40x:***@{host}/journal"


@pytest.mark.parametrize(
    "url", ["journal.db", "", "postgresql://ann:s3cret@host:port/j", "postgresql://a:s3cret@b@c/d"]
)
def test_what_is_no_address_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="the journal's URL is none") as refused:
        parse_url(url)
    assert "s3cret" not in str(refused.value)


def test_a_journal_that_stands_is_opened_without_alembic_and_what_it_needs(tmp_path: Path) -> None:
    """They cost half a second, which a halt does not have."""
    url = f"sqlite:///{tmp_path}/journal.db"
    opens = (
        "import asyncio, sys\n"
        "from shared.journal.journal import Journal\n"
        "async def look() -> None:\n"
        "    async with await Journal.open(sys.argv[1], 'main', durable=True) as journal:\n"
        "        await journal.raise_epoch('me')\n"
        "asyncio.run(look())\n"
        "print(sorted({'sqlalchemy', 'alembic', 'psycopg'} & sys.modules.keys()))\n"
    )
    shown = [
        subprocess.run([sys.executable, "-c", opens, url], capture_output=True, text=True, check=True).stdout.strip()
        for _ in range(2)
    ]
    assert shown == ["['alembic', 'sqlalchemy']", "[]"]
