"""The verbs of the `tickline` command: a file each. What is heavy is imported when a verb runs."""
