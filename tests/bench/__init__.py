"""The bench of the line: what a message costs here, beside bare redis-py and FastStream."""
