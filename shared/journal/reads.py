"""What stands in the journal of one account, read inside a transaction that somebody else holds."""

from typing import Any

from sqlalchemy import Connection, Select, Table, func, select

from shared.journal.rows import (
    ArmingRow,
    EpochRow,
    EventRow,
    ExecutionRow,
    ExternalRow,
    FillRow,
    FundingRow,
    LatchRow,
    OrderRow,
)
from shared.journal.schema import (
    TERMINAL,
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


def order_rows(here: Connection, account: str, open_only: bool, since_ms: int) -> list[OrderRow]:
    """In the order of their decisions; since_ms: by the time of their last change."""
    wanted = _of(orders, OrderRow, account).where(orders.c.updated_ms >= since_ms)
    if open_only:
        wanted = wanted.where(orders.c.state.not_in(TERMINAL))
    wanted = wanted.order_by(orders.c.ts_event, orders.c.sym, orders.c.order_n, orders.c.client_order_id)
    return [OrderRow(*row) for row in here.execute(wanted)]


def order_row(here: Connection, account: str, client_order_id: str) -> OrderRow | None:
    """The order, if it is known."""
    wanted = _of(orders, OrderRow, account).where(orders.c.client_order_id == client_order_id)
    row = here.execute(wanted).one_or_none()
    return None if row is None else OrderRow(*row)


def newest_tick_ns(here: Connection, account: str) -> int:
    """ts_event of the newest tick that an order comes from, 0 without an order."""
    return here.execute(select(func.max(orders.c.ts_event)).where(orders.c.account == account)).scalar_one() or 0


def execution_rows(here: Connection, account: str, book: str, after_seq: int, limit: int) -> list[ExecutionRow]:
    """A book's executions behind `after_seq`, in sequence."""
    wanted = _of(executions, ExecutionRow, account).where(executions.c.book == book, executions.c.seq > after_seq)
    return [ExecutionRow(*row) for row in here.execute(wanted.order_by(executions.c.seq).limit(limit))]


def last_seqs(here: Connection, account: str) -> dict[str, int]:
    """Every book that has an execution, and the number of its last."""
    wanted = select(executions.c.book, func.max(executions.c.seq)).where(executions.c.account == account)
    return dict(tuple(row) for row in here.execute(wanted.group_by(executions.c.book)))


def last_seq(here: Connection, account: str, book: str) -> int:
    """The number of the book's last execution, 0 before the first."""
    wanted = select(func.max(executions.c.seq)).where(executions.c.account == account, executions.c.book == book)
    return here.execute(wanted).scalar_one() or 0


def fill_rows(here: Connection, account: str, since_ms: int, client_order_id: str | None) -> list[FillRow]:
    """In the order of their times; of one order, or of all."""
    wanted = _of(fills, FillRow, account).where(fills.c.at_ms >= since_ms)
    if client_order_id is not None:
        wanted = wanted.where(fills.c.client_order_id == client_order_id)
    wanted = wanted.order_by(fills.c.at_ms, fills.c.sym, fills.c.trade_id, fills.c.venue_order_id)
    return [FillRow(*row) for row in here.execute(wanted)]


def funding_rows(here: Connection, account: str, since_ms: int) -> list[FundingRow]:
    """In the order of their times."""
    wanted = _of(funding, FundingRow, account).where(funding.c.at_ms >= since_ms)
    wanted = wanted.order_by(funding.c.at_ms, funding.c.sym, funding.c.payment_id)
    return [FundingRow(*row) for row in here.execute(wanted)]


def limit_values(here: Connection, account: str) -> dict[str, bytes]:
    """Each limit's state by its name."""
    wanted = select(limits.c.name, limits.c.value).where(limits.c.account == account)
    return dict(tuple(row) for row in here.execute(wanted))


def latch_rows(here: Connection, account: str) -> dict[str, LatchRow]:
    """What is latched, by name."""
    wanted = _of(latches, LatchRow, account).order_by(latches.c.at_ms, latches.c.name)
    return {row.name: LatchRow(*row) for row in here.execute(wanted)}


def arming_row(here: Connection, account: str) -> ArmingRow | None:
    """The arming, run out or not, if there is one."""
    row = here.execute(_of(armings, ArmingRow, account)).one_or_none()
    return None if row is None else ArmingRow(*row)


def external_rows(here: Connection, account: str, adopted: bool | None) -> list[ExternalRow]:
    """All, or those that are (not) adopted, in the order of their times."""
    wanted = _of(externals, ExternalRow, account)
    if adopted is not None:
        wanted = wanted.where(externals.c.adopted_by != "" if adopted else externals.c.adopted_by == "")
    wanted = wanted.order_by(externals.c.at_ms, externals.c.kind, externals.c.sym, externals.c.key)
    return [ExternalRow(*row) for row in here.execute(wanted)]


def event_rows(here: Connection, account: str, limit: int) -> list[EventRow]:
    """The newest, the last one last."""
    wanted = _of(events, EventRow, account).order_by(events.c.id.desc()).limit(limit)
    return [EventRow(*row) for row in here.execute(wanted)][::-1]


def epoch_row(here: Connection, account: str) -> EpochRow:
    """The newest epoch."""
    row = here.execute(_of(accounts, EpochRow, account)).one_or_none()
    return EpochRow(0, "", 0) if row is None else EpochRow(*row)


def bus_id(here: Connection, account: str) -> str | None:
    """The bus that this account belongs to, once it is known."""
    return here.execute(select(accounts.c.bus_id).where(accounts.c.account == account)).scalar_one_or_none() or None


def _of(table: Table, kind: Any, account: str) -> Select[Any]:
    return select(*(table.c[name] for name in kind._fields)).where(table.c.account == account)
