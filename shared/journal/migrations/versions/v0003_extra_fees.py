"""A trade keeps all of its fees, also those in a second currency."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Trades that stand there have none of them; what they came to is in their orders' executions."""
    op.add_column("fills", sa.Column("extra_fees", sa.Text))
