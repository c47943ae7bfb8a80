"""The dialect of Binance: USD-M futures, and spot."""
