"""What turns a Stage into a process: reading, committing, owning partitions."""
