"""The dialect of Hyperliquid: swaps, orders as signed actions."""
