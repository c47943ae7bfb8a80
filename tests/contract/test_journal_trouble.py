"""Journals that cannot be used: one line says what, where and what to do, and never a password."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from shared.errors import ConfigError, JournalUnwritable, SafetyRefusal
from shared.journal import writer
from shared.journal.database import parse_url
from shared.journal.journal import Journal
from shared.journal.migrations import HEAD
from shared.journal.postgres import PostgresDatabase
from shared.journal.rows import EventRow
from shared.journal.sqlite import RESERVED, SqliteDatabase
from tests.journal_process import locked
from tests.journal_rows import order
from tests.postgres import PASSWORD, Postgres
from tests.until import until

pytestmark = pytest.mark.alembic
SHORT_S = 0.2


def note(size: int = 10) -> EventRow:
    return EventRow("note", "", "", "x" * size, 1)


def run(url: str, *statements: str) -> None:
    """Do something behind the journal's back."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


async def opened_error(url: str) -> str:
    """What is said of a journal that cannot be opened."""
    with pytest.raises(JournalUnwritable) as refused:
        await Journal.open(url, "main", durable=True, busy_s=SHORT_S)
    return str(refused.value)


# Both databases


async def test_a_newer_schema_is_refused(journal_url: str) -> None:
    await (await Journal.open(journal_url, "main", durable=True)).close()
    run(journal_url, "UPDATE tickline_schema SET version_num = '9999', readable_by = '9998'")
    with pytest.raises(SafetyRefusal, match=f"its schema 9999 is newer than {HEAD}, which this Tickline") as refused:
        await Journal.open(journal_url, "main", durable=True)
    assert PASSWORD not in str(refused.value)


async def test_somebody_elses_tables_are_not_touched(journal_url: str) -> None:
    run(journal_url, "CREATE TABLE orders (id INTEGER)", "CREATE TABLE pets (id INTEGER)")
    with pytest.raises(SafetyRefusal, match=r"holds tables of something else \(orders\)"):
        await Journal.open(journal_url, "main", durable=True)


async def test_a_command_makes_no_journal(journal_url: str) -> None:
    """A person who names the wrong place must not halt nothing."""
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"journal .*: there is none: correct the journal's URL") as refused:
            await Journal.open(journal_url, "main", durable=True, create=False)
        assert PASSWORD not in str(refused.value)
    await (await Journal.open(journal_url, "main", durable=True)).close()
    await (await Journal.open(journal_url, "main", durable=True, create=False)).close()


async def test_a_value_of_a_newer_tickline_is_not_guessed(journal_url: str) -> None:
    async with await Journal.open(journal_url, "main", durable=True) as journal:
        await journal.write([order()], await journal.raise_epoch("me"))
        run(journal_url, "UPDATE orders SET state = 'FROZEN'")
        with pytest.raises(SafetyRefusal, match="the OrderPhase 'FROZEN' is unknown here"):
            await journal.orders()


async def test_a_journal_that_stays_locked(journal_url: str) -> None:
    """The write is not done, this journal is over, and another one may be opened."""
    journal = await Journal.open(journal_url, "main", durable=True, busy_s=SHORT_S)
    epoch = await journal.raise_epoch("me")
    with locked(journal_url, "main"), pytest.raises(JournalUnwritable, match="another process holds it locked"):
        await journal.write([note()], epoch)
    for _ in range(2):
        with pytest.raises(JournalUnwritable, match="another process holds it locked"):
            await journal.write([note()], epoch)
    await journal.close()
    async with await Journal.open(journal_url, "main", durable=True) as again:
        await again.write([note()], epoch)
        assert await again.events(9) == [note()]


async def test_a_closed_journal_says_so(journal_url: str) -> None:
    journal = await Journal.open(journal_url, "main", durable=True)
    await journal.close()
    await journal.close()
    with pytest.raises(JournalUnwritable, match="it is closed: open it again"):
        await journal.raise_epoch("me")
    with pytest.raises(JournalUnwritable, match="it is closed: open it again"):
        await journal.epoch()


@pytest.mark.parametrize(
    "url",
    [
        "journal.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///journal.db?mode=ro",
        "mysql://ann:s3cret@host/journal",
        "postgresql+asyncpg://ann:s3cret@host/journal",
        "postgresql://ann:s3cret@host:port/journal",
    ],
)
async def test_what_is_no_address_of_a_journal(url: str) -> None:
    with pytest.raises(ConfigError, match="config: the journal's URL") as refused:
        await Journal.open(url, "main", durable=True)
    assert PASSWORD not in str(refused.value)


# SQLite


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("datetime,price\n" * 1000)
    said = await opened_error(f"sqlite:///{tmp_path}/journal.db")
    assert (
        said
        == f"journal {tmp_path}/journal.db: it is no SQLite database: name another file, or put the right one there"
    )


async def test_a_damaged_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/journal.db"
    await (await Journal.open(url, "main", durable=True)).close()
    with (tmp_path / "journal.db").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 4000)
    assert "the file is damaged: put a backup there" in await opened_error(url)


async def test_a_folder_where_the_file_should_be(tmp_path: Path) -> None:
    assert "it cannot be opened" in await opened_error(f"sqlite:///{tmp_path}")


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    assert "its folder cannot be made: Not a directory" in await opened_error(
        f"sqlite:///{tmp_path}/state/x/journal.db"
    )


@pytest.mark.parametrize("then", ["deleted", "replaced"])
async def test_a_file_that_is_taken_away(tmp_path: Path, then: str) -> None:
    """SQLite itself would go on writing into the deleted one."""
    file, url = tmp_path / "journal.db", f"sqlite:///{tmp_path}/journal.db"
    async with await Journal.open(url, "main", durable=True) as journal:
        epoch = await journal.raise_epoch("me")
        file.rename(tmp_path / "old.db")
        if then == "replaced":
            await (await Journal.open(url, "main", durable=True)).close()
        with pytest.raises(JournalUnwritable, match="was moved, deleted or replaced while it was in use"):
            await journal.latches()
        with pytest.raises(JournalUnwritable, match="was moved, deleted or replaced while it was in use"):
            await journal.write([note()], epoch)


@pytest.mark.parametrize("then", ["deleted", "replaced"])
async def test_a_log_that_is_taken_away(tmp_path: Path, then: str) -> None:
    """SQLite goes on writing into the deleted one, and at the end of the process all of that is gone."""
    log, url = tmp_path / "journal.db-wal", f"sqlite:///{tmp_path}/journal.db"
    async with await Journal.open(url, "main", durable=True) as journal:
        epoch = await journal.raise_epoch("me")
        await journal.write([note()], epoch)
        log.unlink()
        if then == "replaced":
            log.write_bytes(b"")
        with pytest.raises(JournalUnwritable, match=r"the log .* was moved, deleted or replaced while it was in use"):
            await journal.write([note()], epoch)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def written_until_refused(journal: Journal, epoch: int) -> tuple[int, str]:
    written = 0
    while True:
        try:
            await journal.write([note(20_000)], epoch)
        except JournalUnwritable as error:
            return written, str(error)
        written += 1


def make_read_only(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)


async def test_a_full_disk(small_disk: Path) -> None:
    """What was acknowledged is there, what was not may be; with room again it goes on."""
    url, ballast = f"sqlite:///{small_disk}/journal.db", small_disk / "ballast"
    ballast.write_bytes(b"x" * 300_000)
    journal = await Journal.open(url, "main", durable=True)
    epoch = await journal.raise_epoch("me")
    written, said = await written_until_refused(journal, epoch)
    where = re.escape(f"journal {small_disk}/journal.db")
    assert re.fullmatch(f"{where}: the disk is full: free space there, .* may be there or not", said)
    with pytest.raises(JournalUnwritable, match="the disk is full"):
        await journal.write([note(1)], epoch)
    await journal.close()
    ballast.unlink()
    async with await Journal.open(url, "main", durable=True) as again:
        assert written > 5
        assert len(await again.events(1000)) in (written, written + 1)
        await again.write([note(20_000)], epoch)


async def test_a_reserved_log_keeps_its_length(tmp_path: Path) -> None:
    url, log = f"sqlite:///{tmp_path}/journal.db", tmp_path / "journal.db-wal"
    async with await Journal.open(url, "main", durable=True, reserve=True) as journal:
        epoch, length = await journal.raise_epoch("me"), log.stat().st_size
        assert length >= RESERVED
        for _ in range(100):
            await journal.write([note(20_000)], epoch)
        assert log.stat().st_size == length
        async with await Journal.open(url, "main", durable=True, reserve=True) as second:
            assert len(await second.events(1000)) == 100
        assert log.stat().st_size == length


async def test_nothing_is_reserved_where_little_is_free(small_disk: Path) -> None:
    async with await Journal.open(f"sqlite:///{small_disk}/journal.db", "main", durable=True, reserve=True) as journal:
        assert await journal.raise_epoch("me") == 1
        assert (small_disk / "journal.db-wal").stat().st_size < 500_000


async def test_a_disk_that_can_only_be_read(small_disk: Path) -> None:
    url = f"sqlite:///{small_disk}/journal.db"
    await (await Journal.open(url, "main", durable=True)).close()
    make_read_only(small_disk)
    assert re.search("it can only be read|it cannot be opened", await opened_error(url))


async def test_durable_is_full_synchronous(tmp_path: Path) -> None:
    for durable, level in ((True, 2), (False, 1)):
        database = SqliteDatabase(parse_url(f"sqlite:///{tmp_path}/journal.db"), SHORT_S)
        with closing(database.writer(durable)) as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_the_log_is_carried_over_while_nobody_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "IDLE_S", 0.01)
    async with await Journal.open(f"sqlite:///{tmp_path}/journal.db", "main", durable=True) as journal:
        epoch = await journal.raise_epoch("me")
        for _ in range(writer.TIDY_AFTER):
            await journal.write([note(1000)], epoch)
        await until(lambda: (tmp_path / "journal.db").stat().st_size > writer.TIDY_AFTER * 1000)


# PostgreSQL


async def test_a_process_that_stops_in_a_transaction_loses_its_lock(postgres: Postgres) -> None:
    """Else a stand-by could not take over from it, nor a person halt it."""
    url = postgres.new_database()
    async with await Journal.open(url, "main", durable=True) as journal:
        await journal.raise_epoch("stopped")
        with closing(PostgresDatabase(parse_url(url), SHORT_S).writer(True)) as stopped:
            stopped.execute("BEGIN")
            stopped.execute("SELECT * FROM accounts FOR UPDATE")
            assert await journal.raise_epoch("stand-by") == 2


async def test_a_connection_that_is_lost(postgres: Postgres) -> None:
    url = postgres.new_database()
    journal = await Journal.open(url, "main", durable=True)
    epoch = await journal.raise_epoch("me")
    await journal.write([note()], epoch)
    postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                     "AND pid != pg_backend_pid()", url)  # fmt: skip
    for _ in range(2):
        with pytest.raises(JournalUnwritable, match="the server ended the connection") as lost:
            await journal.write([note()], epoch)
        assert PASSWORD not in str(lost.value)
    await journal.close()
    async with await Journal.open(url, "main", durable=True) as again:
        await again.write([note()], epoch)
        assert len(await again.events(9)) == 2


async def test_a_server_that_is_not_there() -> None:
    said = await opened_error(f"postgresql://ann:{PASSWORD}@127.0.0.1:1/journal?application_name={PASSWORD}")
    assert said.startswith(
        "journal postgresql+psycopg://ann:***@127.0.0.1:1/journal: the connection is lost or was never"
    )
    assert PASSWORD not in said


async def test_a_wrong_password_and_a_wrong_database(postgres: Postgres) -> None:
    said = await opened_error(postgres.url(password="wr0ng"))
    assert "password authentication failed" in said
    assert "wr0ng" not in said
    assert 'database "nowhere" does not exist' in await opened_error(postgres.url("nowhere"))


async def test_a_server_that_answers_before_it_has_written(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its fsync is off. Good enough for paper, not for money."""
    server = Postgres(tmp_path_factory.mktemp("postgres"), fsync="off").start()
    try:
        url = server.new_database()
        with pytest.raises(SafetyRefusal, match="the server runs with fsync = off: set it to on"):
            await Journal.open(url, "main", durable=True)
        await (await Journal.open(url, "main", durable=False)).close()
    finally:
        server.stop()
