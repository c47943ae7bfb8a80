"""Orders have a type and prices, and the price at which they were sent; they may be canceled, and triggered."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
readable_by = "0005"  # an order's reason may be BEYOND_LIMIT, and its state one that no older code can read


def upgrade() -> None:
    """Adds the columns; amounts are texts, as everywhere."""
    op.add_column("orders", sa.Column("type", sa.Text(), nullable=False, server_default="MARKET"))
    op.add_column("orders", sa.Column("canceled_ms", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("became", sa.Text(), nullable=False, server_default=""))
    for name in ("limit_price", "time_in_force", "trigger_price", "sent_price"):
        op.add_column("orders", sa.Column(name, sa.Text()))
