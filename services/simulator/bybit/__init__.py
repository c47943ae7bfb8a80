"""The dialect of Bybit: linear swaps or spot of a unified account."""
