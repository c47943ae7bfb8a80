"""The simulator's HTTP server, and what a tester switches over it."""
