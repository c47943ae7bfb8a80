"""Orders have a type and prices, and the price at which they were sent; they may be canceled, and triggered.

Stops that lie at the exchange have rows, and so have the times that a position had none.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
readable_by = "0005"  # an order's reason may be BEYOND_LIMIT, and its state one that no older code can read


def _must(kind: Any, *names: str) -> "list[sa.Column[Any]]":
    return [sa.Column(name, kind, nullable=False, autoincrement=False) for name in names]


def upgrade() -> None:
    """Adds the columns; amounts are texts, as everywhere."""
    op.add_column("orders", sa.Column("type", sa.Text(), nullable=False, server_default="MARKET"))
    op.add_column("orders", sa.Column("canceled_ms", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("became", sa.Text(), nullable=False, server_default=""))
    op.add_column("orders", sa.Column("stop_id", sa.Text(), nullable=False, server_default=""))
    for name in ("limit_price", "time_in_force", "trigger_price", "sent_price"):
        op.add_column("orders", sa.Column(name, sa.Text()))
    text, whole = sa.Text(), sa.BigInteger()
    op.create_table(
        "stops",
        *_must(text, "account", "stop_id", "book", "sym", "opened_by", "kind"), *_must(whole, "revision"),
        *_must(text, "held_qty", "price"), sa.Column("trail_bps", text), *_must(sa.Boolean(), "whole"),
        *_must(text, "phase"), *_must(whole, "at_ms", "valid_until_ms"),
        *_must(text, "carried_by", "venue_id", "order_id"), *_must(whole, "seen_ms", "heard_ms", "absent_ms"),
        *_must(sa.Boolean(), "reduces"),
        sa.Column("reason", text), *_must(text, "text"), *_must(whole, "epoch", "updated_ms"),
        sa.PrimaryKeyConstraint("account", "stop_id"),
    )  # fmt: skip
    op.create_index("stops_by_phase", "stops", ["account", "phase"])
    op.create_index("stops_by_time", "stops", ["account", "updated_ms"])
    op.create_table(
        "naked",
        *_must(text, "account", "book"), *_must(whole, "from_ms", "until_ms"), *_must(text, "opened_by", "why"),
        sa.PrimaryKeyConstraint("account", "book", "from_ms"),
    )  # fmt: skip
