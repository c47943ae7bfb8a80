"""The simulator as OKX."""
