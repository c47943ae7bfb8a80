"""Bring the tables up to what this code knows. A newer schema is never touched: it is worked with, or refused.

A journal only ever gains tables, columns and fields, so older code can go on with it: columns that it does not know it
neither reads nor writes, their server defaults hold. Each step says which schema's code can (`readable_by`).
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Text, column, inspect, select, table, update

from shared.errors import SafetyRefusal
from shared.journal.database import Database, no_journal
from shared.journal.schema import METADATA, VERSION_TABLE

MIGRATIONS = Path(__file__).parent / "migrations"
FIRST = "0003"  # the oldest revision in migrations/versions, and the newest; a test holds them together
HEAD = "0003"
VERSION = table(VERSION_TABLE, column("version_num", Text), column("readable_by", Text))


def bring_up_to_date(connection: Connection, database: Database, create: bool) -> None:
    """Make (where `create`) or upgrade the tables in one transaction; raises SafetyRefusal or ConfigError."""
    with connection.begin():
        version = _version(connection, database)
    if version is not None and version >= HEAD:
        return
    if version is None and not create:
        raise no_journal(database.shown)
    with connection.begin():
        database.lock_upgrade(connection)
        if (_version(connection, database) or "") < HEAD:  # nobody else was faster
            _migrate(connection)


def _version(connection: Connection, database: Database) -> str | None:
    """The schema that stands there, None where there is none yet; refused when this code cannot work with it."""
    found = inspect(connection)
    if not found.has_table(VERSION_TABLE):
        strange = METADATA.tables.keys() & set(found.get_table_names())
        if strange:
            raise SafetyRefusal(
                f"journal {database.shown}: holds tables of something else ({', '.join(sorted(strange))}): "
                "name a place of its own"
            )
        return None
    version = connection.execute(select(VERSION.c.version_num)).scalar()
    if version is not None and version < FIRST:
        raise SafetyRefusal(
            f"journal {database.shown}: its schema {version} is older than {FIRST}, with which this Tickline begins: "
            "run the older Tickline, or name another place"
        )
    if version is not None and version > HEAD and connection.execute(select(VERSION.c.readable_by)).scalar_one() > HEAD:
        raise SafetyRefusal(
            f"journal {database.shown}: its schema {version} is newer than {HEAD}, which this Tickline knows: "
            "run the newer Tickline"
        )
    return version


def _migrate(connection: Connection) -> None:
    from alembic import command  # only where there is something to do: it costs a fifth of a second
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")
    step: Any = ScriptDirectory.from_config(config).get_revision("head")
    connection.execute(update(VERSION).values(readable_by=step.module.readable_by))
