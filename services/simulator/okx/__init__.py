"""The dialect of OKX: swaps and spot."""
