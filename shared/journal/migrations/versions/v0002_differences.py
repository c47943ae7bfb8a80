"""A difference keeps its two numbers, and a trade that nobody here has ordered its price and its fees."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Differences that stand there have none of it: the gateway writes them anew when it finds them again."""
    for name in ("expected", "found", "price", "fees"):
        op.add_column("externals", sa.Column(name, sa.Text))
