"""Schemas that come to be and grow: migrations/ makes what schema.py says, on SQLite and on PostgreSQL."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from shared.errors import JournalUnwritable
from shared.journal import upgrade
from shared.journal.journal import Journal
from shared.journal.rows import LatchRow
from shared.journal.schema import METADATA, VERSION_TABLE
from shared.journal.upgrade import HEAD, MIGRATIONS

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("latches", sa.Column("until_ms", sa.BigInteger))
    op.execute("{statement}")
"""
HALT = LatchRow("halt", "a person said so", "ann", 7)


@pytest.fixture
def add_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes this Tickline one that knows a step more, which ends with the statement."""

    def add(statement: str) -> None:
        steps = tmp_path / "steps"
        shutil.copytree(MIGRATIONS, steps)
        (steps / "versions" / "v0004_more.py").write_text(NEXT.format(statement=statement))
        monkeypatch.setattr(upgrade, "MIGRATIONS", steps)
        monkeypatch.setattr(upgrade, "HEAD", "0004")

    return add


def stands_there(url: str) -> tuple[object, set[str]]:
    """The version, and the columns of the table that the step changes."""
    engine = create_engine(url)
    with engine.connect() as connection:
        version = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar_one()
        columns = {column["name"] for column in inspect(connection).get_columns("latches")}
    engine.dispose()
    return version, columns


def test_the_newest_step_is_the_one_that_the_code_knows() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD


async def test_the_steps_make_the_tables_of_the_schema(journal_url: str) -> None:
    await (await Journal.open(journal_url, "main", durable=True)).close()
    engine = create_engine(journal_url)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "version_table": VERSION_TABLE}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []
        assert connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").all() == [(HEAD,)]
    engine.dispose()


async def test_a_schema_that_is_up_to_date_is_left_alone(journal_url: str) -> None:
    """Opened again, what it holds is there."""
    async with await Journal.open(journal_url, "main", durable=True) as journal:
        assert await journal.raise_epoch("me") == 1
    async with await Journal.open(journal_url, "main", durable=True) as journal:
        assert await journal.raise_epoch("me") == 2


async def test_an_older_schema_is_upgraded_once_and_keeps_its_rows(
    journal_url: str, add_step: Callable[[str], None]
) -> None:
    async with await Journal.open(journal_url, "main", durable=True) as journal:
        await journal.write_by_person([HALT])
    add_step("UPDATE latches SET until_ms = 9")
    journals = await asyncio.gather(*(Journal.open(journal_url, "main", durable=True) for _ in range(4)))
    assert [await journal.latches() for journal in journals] == [{"halt": HALT}] * 4
    await asyncio.gather(*(journal.close() for journal in journals))
    version, columns = stands_there(journal_url)
    assert version == "0004"
    assert "until_ms" in columns


async def test_an_upgrade_that_fails_changes_nothing(journal_url: str, add_step: Callable[[str], None]) -> None:
    async with await Journal.open(journal_url, "main", durable=True) as journal:
        await journal.write_by_person([HALT])
    before = stands_there(journal_url)
    add_step("UPDATE nowhere SET until_ms = 9")
    with pytest.raises(JournalUnwritable, match="nowhere"):
        await Journal.open(journal_url, "main", durable=True)
    assert stands_there(journal_url) == before == (HEAD, {"account", "name", "reason", "by", "at_ms"})
