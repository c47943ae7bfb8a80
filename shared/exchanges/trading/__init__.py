"""Where orders really go: what a venue is to the gateway, what ccxt does not tell of it, and the venue through ccxt."""
