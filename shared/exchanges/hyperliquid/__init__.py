"""Hyperliquid, an exchange whose accounts are addresses and whose orders are signed actions."""
