"""A line's status for a person: as `tickline status` prints it, and as `run` shows it."""
