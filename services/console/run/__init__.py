"""`tickline run`: the line, its processes, what is looked at while it runs, and what is shown of it."""
