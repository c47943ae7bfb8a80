"""Schemas that come to be and grow: migrations/ makes what schema.py says, on SQLite and on PostgreSQL."""

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from shared.errors import ConfigError, JournalUnwritable, SafetyRefusal
from shared.journal import migrations
from shared.journal.journal import Journal
from shared.journal.migrations import FIRST, HEAD, MIGRATIONS
from shared.journal.rows import LatchRow
from shared.journal.tables import ACCOUNTS, TABLES, VERSION_TABLE, armings

pytestmark = pytest.mark.alembic
AFTER = f"{int(HEAD) + 1:04}"
NEXT = f"""
import sqlalchemy as sa
from alembic import op

revision = "{AFTER}"
down_revision = "{HEAD}"
readable_by = "{{readable_by}}"


def upgrade() -> None:
    op.add_column("latches", sa.Column("until_ms", sa.BigInteger))
    op.execute("{{statement}}")
"""
HALT = LatchRow("halt", "a person said so", "ann", 7)
AddStep = Callable[..., None]


@pytest.fixture
def add_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AddStep:
    """Makes this Tickline one that knows a step more, which ends with the statement."""

    def add(statement: str, readable_by: str = HEAD) -> None:
        steps = tmp_path / "steps"
        shutil.copytree(MIGRATIONS, steps)
        (steps / "versions" / "more.py").write_text(NEXT.format(statement=statement, readable_by=readable_by))
        monkeypatch.setattr(migrations, "MIGRATIONS", steps)
        monkeypatch.setattr(migrations, "HEAD", AFTER)

    return add


def stands_there(url: str) -> tuple[object, set[str]]:
    """The version, and the columns of the table that the step changes."""
    engine = create_engine(url)
    with engine.connect() as connection:
        version = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar_one()
        columns = {column["name"] for column in inspect(connection).get_columns("latches")}
    engine.dispose()
    return version, columns


def test_the_code_knows_the_steps_and_each_says_whose_code_can_work_with_it() -> None:
    steps: list[Any] = [*ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]
    assert (steps[0].revision, steps[-1].revision) == (FIRST, HEAD)
    readable = [step.module.readable_by for step in steps]
    assert readable == sorted(readable)
    assert all(FIRST <= by <= step.revision for by, step in zip(readable, steps, strict=True))


async def test_the_steps_make_the_tables_of_the_schema(journal_url: str) -> None:
    """Each column with the type that its values need, the key, and NULL only where a row may have None."""
    await (await Journal.open(journal_url, "main", durable=True)).close()
    engine = create_engine(journal_url)
    found = inspect(engine)
    assert set(found.get_table_names()) == {VERSION_TABLE, ACCOUNTS, *(table.name for table in TABLES)}
    for table in TABLES:
        columns = {column["name"]: column for column in found.get_columns(table.name)}
        own = [] if table.key[1:] or table is armings else ["id"]  # a number that the database gives
        assert set(columns) == {*table.columns, *own}
        assert found.get_pk_constraint(table.name)["constrained_columns"] == (own or list(table.key))
        for field in table.fields:
            kind, hint = columns[field.name]["type"], get_type_hints(table.row_type)[field.name]
            wanted = {bool: sa.Boolean, int: sa.BigInteger, bytes: sa.LargeBinary}.get(field.kind, sa.Text)
            assert isinstance(kind, wanted), (table.name, field.name)
            assert columns[field.name]["nullable"] is (type(None) in get_args(hint)), (table.name, field.name)
    with engine.connect() as connection:
        assert connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").all() == [(HEAD,)]
    engine.dispose()


async def test_a_schema_that_is_up_to_date_is_left_alone(journal_url: str) -> None:
    """Opened again, what it holds is there."""
    async with await Journal.open(journal_url, "main", durable=True) as journal:
        assert await journal.raise_epoch("me") == 1
    async with await Journal.open(journal_url, "main", durable=True) as journal:
        assert await journal.raise_epoch("me") == 2


async def test_an_older_schema_is_upgraded_once_and_keeps_its_rows(journal_url: str, add_step: AddStep) -> None:
    async with await Journal.open(journal_url, "main", durable=True) as journal:
        await journal.write_by_person([HALT])
    add_step("UPDATE latches SET until_ms = 9")
    journals = await asyncio.gather(*(Journal.open(journal_url, "main", durable=True) for _ in range(4)))
    assert [await journal.latches() for journal in journals] == [{"halt": HALT}] * 4
    await asyncio.gather(*(journal.close() for journal in journals))
    version, columns = stands_there(journal_url)
    assert version == AFTER
    assert "until_ms" in columns


async def test_who_only_reads_upgrades_nothing_and_writes_nothing(journal_url: str, add_step: AddStep) -> None:
    """Else a `tickline why` of a new Tickline would take the journal away from the old one, which is at work."""
    with pytest.raises((ConfigError, JournalUnwritable)):
        await Journal.open(f"{journal_url}-none", "main", durable=True, write=False)
    async with await Journal.open(journal_url, "main", durable=True) as journal:
        await journal.write_by_person([HALT])
    async with await Journal.open(journal_url, "main", durable=True, write=False) as journal:
        assert await journal.latches() == {"halt": HALT}
        with pytest.raises(JournalUnwritable):
            await journal.write_by_person([HALT._replace(name="other")])
    add_step("UPDATE latches SET until_ms = 9")
    with pytest.raises(ConfigError, match=f"its schema {HEAD} is older than {AFTER}"):
        await Journal.open(journal_url, "main", durable=True, write=False)
    assert stands_there(journal_url)[0] == HEAD


async def test_an_upgrade_has_as_long_as_it_takes(journal_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, with a large table: PostgreSQL ends no transaction that is idle between two steps."""
    upgrade, busy_s = command.upgrade, 1.0

    def slowly(config: Config, revision: str) -> None:
        time.sleep(busy_s)  # the server counts by its own clock
        upgrade(config, revision)

    monkeypatch.setattr(command, "upgrade", slowly)
    await (await Journal.open(journal_url, "main", durable=True, busy_s=busy_s)).close()
    assert stands_there(journal_url)[0] == HEAD


@pytest.mark.parametrize("readable_by", [HEAD, AFTER])
async def test_a_newer_schema_is_worked_with_where_it_says_so(
    journal_url: str, add_step: AddStep, monkeypatch: pytest.MonkeyPatch, readable_by: str
) -> None:
    add_step("UPDATE latches SET until_ms = 9", readable_by)
    async with await Journal.open(journal_url, "main", durable=True) as journal:
        await journal.write_by_person([HALT])
    monkeypatch.undo()
    newer = stands_there(journal_url)
    assert newer[0] == AFTER
    if readable_by == HEAD:
        async with await Journal.open(journal_url, "main", durable=True, create=False) as journal:
            await journal.write_by_person([HALT._replace(name="other")])
            assert set(await journal.latches()) == {"halt", "other"}
    else:
        with pytest.raises(SafetyRefusal, match=f"its schema {AFTER} is newer than {HEAD}, which this Tickline knows"):
            await Journal.open(journal_url, "main", durable=True)
    assert stands_there(journal_url) == newer


async def test_a_schema_of_before_values_had_names_is_refused(journal_url: str) -> None:
    await (await Journal.open(journal_url, "main", durable=True)).close()
    engine = create_engine(journal_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '0002'")
    engine.dispose()
    with pytest.raises(SafetyRefusal, match="its schema 0002 is older than 0003, with which this Tickline begins"):
        await Journal.open(journal_url, "main", durable=True)


async def test_an_upgrade_that_fails_changes_nothing(journal_url: str, add_step: AddStep) -> None:
    async with await Journal.open(journal_url, "main", durable=True) as journal:
        await journal.write_by_person([HALT])
    before = stands_there(journal_url)
    add_step("UPDATE nowhere SET until_ms = 9")
    with pytest.raises(JournalUnwritable, match="nowhere"):
        await Journal.open(journal_url, "main", durable=True)
    assert stands_there(journal_url) == before == (HEAD, {"account", "name", "reason", "by", "at_ms"})
