"""How the tables came to be, one step a file; alembic runs them. A step that has been released is never changed.

A step adds: a table, or a column with a server default (or one that may be NULL), so that an older Tickline can go on
with the journal: it reads and writes the columns that it knows. `readable_by` names the oldest schema whose code can;
where a step means that none can (a new value in a column of named values, say), that is the step's own `revision`.
"""
