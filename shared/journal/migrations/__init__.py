"""Steps make the tables, one a file in versions/; `bring_up_to_date` lets alembic run those that are missing.

A step adds: a table, or a column with a server default (or one that may be NULL), so that an older Tickline can go on
with the journal: it reads and writes the columns that it knows. `readable_by` names the oldest schema whose code can;
where a step means that none can (a new value in a column of named values, say), that is the step's own `revision`.
Nobody changes a step after its release. The code never touches a newer schema: it works with it, or refuses.
"""

from pathlib import Path
from typing import Any, cast

from shared.errors import ConfigError, SafetyRefusal
from shared.journal.database import Connection, Database, no_journal
from shared.journal.tables import ACCOUNTS, TABLES, VERSION_TABLE
from shared.journal.writer import transaction

MIGRATIONS = Path(__file__).parent
FIRST = "0003"  # the oldest revision in versions/, and HEAD the newest; a test holds them together
HEAD = "0006"


def bring_up_to_date(connection: Connection, database: Database, create: bool) -> None:
    """Makes (where `create`) or upgrades the tables in one transaction; raises SafetyRefusal or ConfigError."""
    with transaction(database, connection):
        version = schema_version(connection, database)
    if version is not None and version >= HEAD:
        return
    if version is None and not create:
        raise no_journal(database.shown)
    _migrate(database)


def check_up_to_date(connection: Connection, database: Database) -> None:
    """Changes nothing; raises SafetyRefusal or, where there is no journal or an older one, ConfigError."""
    version = schema_version(connection, database)
    if version is None:
        raise no_journal(database.shown)
    if version < HEAD:
        raise ConfigError(
            f"journal {database.shown}: its schema {version} is older than {HEAD}, and what only reads upgrades "
            "nothing: the next start of the gateway does, or `tickline arm`"
        )


def schema_version(connection: Connection, database: Database) -> str | None:
    """Returns the schema that stands there, or None; raises SafetyRefusal when this code cannot work with it."""
    found = database.tables(connection)
    if VERSION_TABLE not in found:
        strange = {ACCOUNTS, *(table.name for table in TABLES)} & found
        if strange:
            raise SafetyRefusal(
                f"journal {database.shown}: holds tables of something else ({', '.join(sorted(strange))}): "
                "name a place of its own"
            )
        return None
    row = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
    version = None if row is None else str(row[0])
    if version is not None and version < FIRST:
        raise SafetyRefusal(
            f"journal {database.shown}: its schema {version} is older than {FIRST}, with which this Tickline begins: "
            "run the older Tickline, or name another place"
        )
    if version is not None and version > HEAD:
        (readable_by,) = connection.execute(f"SELECT readable_by FROM {VERSION_TABLE}").fetchone()
        if readable_by > HEAD:
            raise SafetyRefusal(
                f"journal {database.shown}: its schema {version} is newer than {HEAD}, which this Tickline knows: "
                "run the newer Tickline"
            )
    return version


def _migrate(database: Database) -> None:
    """Runs the steps on a connection of its own, unless another process was faster."""
    # Imported only where there is something to do: together they cost half a second.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.exc import DBAPIError

    engine = create_engine(
        f"{database.dialect}://",
        creator=lambda: database.writer(durable=True),
        poolclass=NullPool,
        hide_parameters=True,
    )
    try:
        with engine.connect() as alembics, alembics.begin():
            connection = cast(Connection, alembics.connection.driver_connection)
            connection.execute(database.begin)
            database.lock_upgrade(connection)
            if (schema_version(connection, database) or "") >= HEAD:
                return
            config = Config(attributes={"connection": alembics})
            config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
            command.upgrade(config, "head")
            step: Any = ScriptDirectory.from_config(config).get_revision("head")
            statement = database.statement(f"UPDATE {VERSION_TABLE} SET readable_by = ?")
            connection.execute(statement, (step.module.readable_by,))
    except DBAPIError as error:
        raise error.orig or error from error
