"""What exchanges tell of a market."""
