"""A statement that SQLite's own driver runs: on an order's way to the venue SQLAlchemy would cost more than SQLite.

PostgreSQL's statements go through SQLAlchemy as ever.
"""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Executable
from sqlalchemy.exc import StatementError

Processor = Callable[[Any], Any]


class Bind(NamedTuple):
    """A place in the statement. value: what stands there where no parameter has this name."""

    name: str
    process: Processor | None
    value: Any


class Ran(NamedTuple):
    """rowcount: rows that were written. rows: that were read."""

    rowcount: int
    rows: list[Any]


class Prepared:
    """Compiled with its first parameters; these must have the same names each time.

    What is wrong with a row is a StatementError; all else is raised as sqlite3 does.
    """

    def __init__(self, statement: Any) -> None:
        self._statement: Executable = statement
        self._sql = ""
        self._binds: tuple[Bind, ...] = ()

    def run(self, connection: Connection, given: Mapping[str, Any]) -> Ran:
        """Within a transaction."""
        driver = connection.connection.driver_connection
        if not isinstance(driver, sqlite3.Connection):
            done = connection.execute(self._statement, dict(given), execution_options={"preserve_rowcount": True})
            return Ran(done.rowcount, list(done) if done.returns_rows else [])
        if not self._sql:
            self._prepare(connection, given)
        try:
            cursor = driver.execute(self._sql, [self._value(bind, given) for bind in self._binds])
            return Ran(cursor.rowcount, cursor.fetchall())
        except (sqlite3.IntegrityError, sqlite3.DataError, ValueError) as error:
            raise StatementError(str(error), self._sql, None, error) from error

    def _value(self, bind: Bind, given: Mapping[str, Any]) -> Any:
        if bind.name not in given:
            return bind.value
        return given[bind.name] if bind.process is None else bind.process(given[bind.name])

    def _prepare(self, connection: Connection, given: Mapping[str, Any]) -> None:
        dialect = connection.dialect
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=list(given))  # type: ignore[attr-defined]
        state = compiled.construct_expanded_state(dict(given))
        binds = []
        for name in state.positiontup:
            process = state.processors.get(name)
            if name in compiled.binds:
                process = compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
            value = None if name in given else state.parameters[name]
            binds.append(Bind(name, process, value if process is None else process(value)))
        self._binds, self._sql = tuple(binds), state.statement
