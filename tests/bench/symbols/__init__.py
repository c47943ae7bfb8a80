"""The line with many symbols, and with several signal replicas: `make bench WHAT=symbols`."""
