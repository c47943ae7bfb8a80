"""The simulated market: what the ingestor plays, and what the fake exchange quotes."""
