"""Real orders go through this room: the Venue that the gateway sees, and the one that speaks through ccxt."""
