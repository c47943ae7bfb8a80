"""Hyperliquid, an exchange whose accounts are addresses and whose orders are signed actions."""

# The simulator's account, and the key of an API wallet of it: made up. It needs nothing else of this room.
FAKE_ACCOUNT = "0xe57e649e59fbed533f165ea135261236c39c2797"
FAKE_WALLET_KEY = "0x" + "0f" * 32
