"""The first schema. 0001 and 0002 kept values without names, and nobody traded on them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from shared.journal.tables import VERSION_TABLE

revision = "0003"
down_revision = None
readable_by = "0003"


def _must(kind: Any, *names: str) -> "list[sa.Column[Any]]":
    return [sa.Column(name, kind, nullable=False, autoincrement=False) for name in names]


def upgrade() -> None:
    """Makes all tables. Amounts are texts: every digit of a Decimal comes back."""
    text, whole = sa.Text(), sa.BigInteger()
    op.add_column(VERSION_TABLE, sa.Column("readable_by", text, nullable=False, server_default=revision))
    op.create_table(
        "accounts",
        *_must(text, "account"), *_must(whole, "epoch"), *_must(text, "owner"), *_must(whole, "raised_ms"),
        *_must(text, "bus_id"),
        sa.PrimaryKeyConstraint("account"),
    )  # fmt: skip
    op.create_table(
        "orders",
        *_must(text, "account", "client_order_id", "book", "sym"), *_must(whole, "tick_n"), *_must(text, "tr"),
        *_must(whole, "ts_event"), *_must(text, "leg", "intended_qty"), *_must(sa.Boolean(), "reduce_only"),
        *_must(text, "price"), *_must(whole, "valid_until_ns"), *_must(text, "after", "content"),
        *_must(whole, "order_n"), *_must(text, "state", "signed_qty"), *_must(whole, "at_ms", "valid_until_ms"),
        *_must(text, "venue_order_id", "filled_qty", "paid", "commission"), sa.Column("reason", text),
        *_must(whole, "epoch", "updated_ms"),
        sa.PrimaryKeyConstraint("account", "client_order_id"),
    )  # fmt: skip
    op.create_index("orders_by_state", "orders", ["account", "state"])
    op.create_index("orders_by_time", "orders", ["account", "updated_ms"])
    op.create_table(
        "fills",
        *_must(text, "account", "sym", "trade_id", "venue_order_id", "client_order_id", "signed_qty", "price", "fee"),
        *_must(text, "fee_currency"), *_must(whole, "at_ms"), sa.Column("extra_fees", text),
        sa.PrimaryKeyConstraint("account", "sym", "trade_id", "venue_order_id"),
    )  # fmt: skip
    op.create_index("fills_by_order", "fills", ["account", "client_order_id"])
    op.create_index("fills_by_time", "fills", ["account", "at_ms"])
    op.create_table(
        "executions",
        *_must(text, "account", "book"), *_must(whole, "seq"), *_must(text, "client_order_id"),
        *_must(sa.LargeBinary(), "report"), *_must(whole, "at_ms"),
        sa.PrimaryKeyConstraint("account", "book", "seq"),
        sa.UniqueConstraint("account", "client_order_id", name="executions_one_per_order"),
        sa.CheckConstraint("seq >= 1", name="executions_count_from_1"),
    )  # fmt: skip
    op.create_table(
        "limits",
        *_must(text, "account", "name"), *_must(sa.LargeBinary(), "value"),
        sa.PrimaryKeyConstraint("account", "name"),
    )  # fmt: skip
    op.create_table(
        "latches",
        *_must(text, "account", "name", "reason", "by"), *_must(whole, "at_ms"),
        sa.PrimaryKeyConstraint("account", "name"),
    )  # fmt: skip
    op.create_table(
        "armings",
        *_must(text, "account", "max_notional"), *_must(whole, "armed_at_ms", "expires_at_ms"),
        *_must(text, "config_hash", "by"),
        sa.PrimaryKeyConstraint("account"),
    )  # fmt: skip
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        *_must(text, "account", "kind", "sym", "client_order_id", "text"), *_must(whole, "at_ms"),
    )  # fmt: skip
    op.create_index("events_by_account", "events", ["account", "id"])
    op.create_table(
        "externals",
        *_must(text, "account", "kind", "sym", "key", "text"), *_must(whole, "at_ms"), *_must(text, "adopted_by"),
        *(sa.Column(name, text) for name in ("expected", "found", "price", "fees")),
        sa.PrimaryKeyConstraint("account", "kind", "sym", "key"),
    )  # fmt: skip
    op.create_table(
        "funding",
        *_must(text, "account", "sym", "payment_id", "amount"), *_must(whole, "at_ms"),
        sa.PrimaryKeyConstraint("account", "sym", "payment_id"),
    )  # fmt: skip
    op.create_index("funding_by_time", "funding", ["account", "at_ms"])
