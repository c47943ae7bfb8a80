"""The simulator as Binance."""
