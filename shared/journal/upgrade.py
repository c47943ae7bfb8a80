"""Bring the tables up to what this code knows, or refuse: a newer schema is never touched."""

from pathlib import Path

from sqlalchemy import Connection, Text, column, inspect, select, table

from shared.errors import SafetyRefusal
from shared.journal.database import Database, no_journal
from shared.journal.schema import METADATA, VERSION_TABLE

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0003"  # the newest revision in migrations/versions; a test holds the two together


def bring_up_to_date(connection: Connection, database: Database, create: bool) -> None:
    """Make (where `create`) or upgrade the tables in one transaction; raises SafetyRefusal or ConfigError."""
    with connection.begin():
        version = _version(connection, database)
    if version == HEAD:
        return
    if version is None and not create:
        raise no_journal(database.shown)
    with connection.begin():
        database.lock_upgrade(connection)
        if _version(connection, database) != HEAD:  # nobody else was faster
            _migrate(connection)


def _version(connection: Connection, database: Database) -> str | None:
    """The schema that stands there, None where there is none yet; refused when it is not ours to touch."""
    found = inspect(connection)
    if not found.has_table(VERSION_TABLE):
        strange = METADATA.tables.keys() & set(found.get_table_names())
        if strange:
            raise SafetyRefusal(
                f"journal {database.shown}: holds tables of something else ({', '.join(sorted(strange))}): "
                "name a place of its own"
            )
        return None
    version = connection.execute(select(column("version_num", Text)).select_from(table(VERSION_TABLE))).scalar()
    if version is not None and version > HEAD:
        raise SafetyRefusal(
            f"journal {database.shown}: its schema {version} is newer than {HEAD}, which this Tickline knows: "
            "run the newer Tickline"
        )
    return version


def _migrate(connection: Connection) -> None:
    from alembic import command  # only where there is something to do: it costs a fifth of a second
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")
