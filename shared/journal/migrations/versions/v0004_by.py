"""Orders and armings say who decides: an order goes out only under an arming that was given for the same."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
readable_by = "0004"  # an order's reason may be ARMED_FOR_OTHER_CODE, which no older code can read


def upgrade() -> None:
    """Adds both columns."""
    op.add_column("orders", sa.Column("by", sa.Text(), nullable=False, server_default=""))
    op.add_column("armings", sa.Column("decided_by", sa.Text(), nullable=False, server_default=""))
