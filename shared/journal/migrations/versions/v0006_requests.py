"""A person at the page asks the gateway to cancel or to close: each request has a row, and in it the answer."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
readable_by = "0005"  # an older gateway does nothing of it, and who asked is told so


def _must(kind: Any, *names: str) -> "list[sa.Column[Any]]":
    return [sa.Column(name, kind, nullable=False, autoincrement=False) for name in names]


def upgrade() -> None:
    """Adds the table."""
    text, whole = sa.Text(), sa.BigInteger()
    op.create_table(
        "requests",
        *_must(text, "account", "request_id", "kind", "by"), *_must(whole, "at_ms", "until_ms", "taken_ms", "done_ms"),
        *_must(sa.Boolean(), "well"), *_must(text, "answer"),
        sa.PrimaryKeyConstraint("account", "request_id"),
    )  # fmt: skip
