"""Bybit, an exchange with unified accounts."""
