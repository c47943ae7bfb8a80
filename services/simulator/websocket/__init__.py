"""The simulator's websockets: what is pumped to a client, and what befalls it on the way."""
