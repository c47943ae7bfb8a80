"""The simulator as Bybit."""
