"""Writes one account's rows, inside a transaction that somebody else holds."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Executable
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from shared.journal.database import Database
from shared.journal.errors import Fenced, WriteRefused
from shared.journal.prepared import Prepared
from shared.journal.rows import (
    ArmingRow,
    Change,
    DropArming,
    DropExternal,
    DropLatch,
    EventRow,
    ExecutionRow,
    ExternalRow,
    FillRow,
    FundingRow,
    LatchRow,
    LimitRow,
    OrderRow,
    SetBusId,
)
from shared.journal.schema import (
    accounts,
    armings,
    events,
    executions,
    externals,
    fills,
    funding,
    latches,
    limits,
    orders,
)
from shared.journal.statements import (
    drop,
    last_seq,
    newest_epoch,
    put,
    put_fill,
    put_once,
    put_order,
    raise_epoch,
    stored,
)

BEFORE_SENDING: tuple[type[Change], ...] = (OrderRow, LimitRow)  # what an order waits for


class Store:
    """Raises WriteRefused for what contradicts the journal; whoever holds the transaction rolls it back."""

    def __init__(self, database: Database, account: str) -> None:
        self._account = account
        self._shown = database.shown
        insert = database.insert
        self._newest_epoch, self._raise, self._last_seq = Prepared(newest_epoch()), raise_epoch(insert), last_seq()
        self._statements: Mapping[type[Change], Executable] = {
            OrderRow: put_order(insert),
            FillRow: put_fill(insert),
            FundingRow: put_once(insert, funding),
            ExecutionRow: insert(executions),
            LimitRow: put(insert, limits),
            LatchRow: put(insert, latches),
            ArmingRow: put(insert, armings),
            ExternalRow: put(insert, externals),
            EventRow: insert(events),
            DropLatch: drop(latches, "name"),
            DropArming: drop(armings),
            DropExternal: drop(externals, "kind", "sym", "key"),
            SetBusId: put(insert, accounts, ("bus_id",)),
        }
        self._prepared = {kind: Prepared(self._statements[kind]) for kind in BEFORE_SENDING}
        self._stored: Mapping[type[Change], Executable] = {
            OrderRow: stored(orders),
            FillRow: stored(fills),
            FundingRow: stored(funding),
        }

    def raise_epoch(self, connection: Connection, owner: str) -> int:
        """The new epoch; every older one is fenced from the commit on."""
        given = self._given(owner=owner, raised_ms=time.time_ns() // 1_000_000)
        return int(connection.execute(self._raise, given).scalar_one())

    def check_epoch(self, connection: Connection, epoch: int) -> None:
        """Raise Fenced unless this is the newest epoch; it stays so until the transaction ends."""
        rows = self._newest_epoch.run(connection, self._given()).rows
        newest, owner = rows[0] if rows else (0, "")
        if epoch != newest or not newest:
            holder = f"{owner} holds {newest}" if newest else "nobody holds one yet"
            raise Fenced(
                f"journal {self._shown}: account {self._account}: epoch {epoch} may not write: {holder}", owner
            )

    def put(self, connection: Connection, changes: Sequence[Change]) -> None:
        """Write the changes in their order."""
        for change in changes:
            try:
                self._put(connection, change)
            except (OverflowError, UnicodeError) as error:  # no value that the database can hold
                raise self._refused(change, str(error)) from error
            except StatementError as error:
                if isinstance(error, DBAPIError) and not isinstance(error, IntegrityError | DataError):
                    raise
                raise self._refused(change, str(error.orig)) from error

    def _put(self, connection: Connection, change: Change) -> None:
        given = self._given(**change._asdict())
        if isinstance(change, ExecutionRow):
            last = connection.execute(self._last_seq, given).scalar_one()
            if change.seq != last + 1:
                raise self._refused(change, f"the book's last execution is {last}, so the next is {last + 1}")
        if type(change) in self._prepared:
            written = self._prepared[type(change)].run(connection, given).rowcount
        else:
            written = connection.execute(self._statements[type(change)], given).rowcount
        if isinstance(change, OrderRow):
            if written != 1:
                before = OrderRow(*connection.execute(self._stored[OrderRow], given).one())
                raise self._refused(change, _why_not(before, change))
        elif isinstance(change, FillRow | FundingRow):
            now = connection.execute(self._stored[type(change)], given).one()
            if isinstance(change, FillRow) and not change.client_order_id:
                change = change._replace(client_order_id=now.client_order_id)
            if tuple(now) != tuple(change):
                raise self._refused(change, f"stands there with other content: {tuple(now)}")

    def _given(self, **values: Any) -> dict[str, Any]:
        return {"account": self._account, **values}

    def _refused(self, change: Change, why: str) -> WriteRefused:
        key = " ".join(str(part) for part in change[:3])
        return WriteRefused(f"journal {self._shown}: {type(change).__name__} {key}: {why}")


def _why_not(before: OrderRow, after: OrderRow) -> str:
    if (before.content, before.book) != (after.content, after.book):
        return f"this id is known with other content, of book {before.book}"
    return f"it is {before.state}, which is final"
