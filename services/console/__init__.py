"""The `tickline` command."""
