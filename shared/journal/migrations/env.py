"""What alembic runs: the steps, on the connection and inside the transaction that `upgrade.py` holds."""

from alembic import context

from shared.journal.schema import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
