"""Sentences about what an account and its orders are at: latches, refusals, what waits for a person. Pure."""
