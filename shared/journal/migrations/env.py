"""alembic runs the steps on the connection and inside the transaction that `bring_up_to_date` holds."""

from alembic import context

from shared.journal.tables import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
