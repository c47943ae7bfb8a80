"""The statements that write, made once for a dialect. Their parameters are named as the columns."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Delete, Executable, Select, Table, bindparam, delete, func, select

from shared.journal.database import AnyInsert, Insert
from shared.journal.rows import OrderRow
from shared.journal.schema import TERMINAL, accounts, executions, fills, orders

INTENT = OrderRow._fields[: OrderRow._fields.index("order_n")]  # what an order's row keeps for ever


def put(insert: Insert, table: Table, only: Collection[str] = ()) -> AnyInsert:
    """Insert, or replace the row with the same key; `only`: the columns that are replaced."""
    new = insert(table)
    keys = table.primary_key.columns.keys()
    names = only or set(table.columns.keys()).difference(keys)
    return new.on_conflict_do_update(index_elements=keys, set_={name: new.excluded[name] for name in names})


def put_once(insert: Insert, table: Table) -> AnyInsert:
    """Insert, or change nothing where the key stands."""
    return insert(table).on_conflict_do_nothing(index_elements=table.primary_key.columns.keys())


def put_fill(insert: Insert) -> AnyInsert:
    """Insert; where it stands, only an order's id that was not known then is added."""
    new = insert(fills)
    named = new.excluded.client_order_id
    return new.on_conflict_do_update(
        index_elements=fills.primary_key.columns.keys(),
        set_={"client_order_id": named},
        where=(fills.c.client_order_id == "") & (named != ""),
    )


def put_order(insert: Insert) -> AnyInsert:
    """Insert; or replace what may change, unless the order is terminal or the id is another intent's."""
    new = insert(orders)
    key = ("account", "client_order_id")
    return new.on_conflict_do_update(
        index_elements=key,
        set_={name: new.excluded[name] for name in OrderRow._fields if name not in (*key, *INTENT)},
        where=orders.c.state.not_in(TERMINAL)
        & (orders.c.content == new.excluded.content)
        & (orders.c.book == new.excluded.book),
    )


def drop(table: Table, *keys: str) -> Delete:
    """Delete the row with this key."""
    return delete(table).where(*(table.c[key] == bindparam(key) for key in ("account", *keys)))


def stored(table: Table) -> Select[Any]:
    """The row with this key, without the account."""
    mine = [column == bindparam(column.name) for column in table.primary_key]
    return select(*(column for column in table.columns if column.name != "account")).where(*mine)


def raise_epoch(insert: Insert) -> Executable:
    """One more, for this owner; gives the new epoch."""
    new = insert(accounts).values(epoch=1)
    taken = {name: new.excluded[name] for name in ("owner", "raised_ms")}
    return new.on_conflict_do_update(
        index_elements=["account"], set_={"epoch": accounts.c.epoch + 1, **taken}
    ).returning(accounts.c.epoch)


def newest_epoch() -> Select[Any]:
    """Epoch and owner; the row is locked until the transaction ends."""
    return (
        select(accounts.c.epoch, accounts.c.owner).where(accounts.c.account == bindparam("account")).with_for_update()
    )


def last_seq() -> Select[Any]:
    """The newest execution's number of a book, 0 before the first."""
    mine = (executions.c.account == bindparam("account")) & (executions.c.book == bindparam("book"))
    return select(func.coalesce(func.max(executions.c.seq), 0)).where(mine)
