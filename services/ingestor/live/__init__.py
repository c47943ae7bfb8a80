"""Market data that can be trusted: what a venue sends, in order and without a hole, as ticks. No I/O in here."""
