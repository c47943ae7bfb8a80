"""How the tables came to be, one step a file; alembic runs them. A step that has been released is never changed."""
