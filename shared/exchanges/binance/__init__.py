"""Binance: USD-M futures and spot."""
