"""The tables that the steps in migrations/ make are those of schema.py, on SQLite and on PostgreSQL."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from shared.journal.journal import Journal
from shared.journal.schema import METADATA, VERSION_TABLE
from shared.journal.upgrade import HEAD, MIGRATIONS


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
