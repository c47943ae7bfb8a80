"""The runner turns a Stage into a process: it reads, commits and owns partitions."""
