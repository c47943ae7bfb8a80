"""Where orders really go: what a venue is to the gateway, what ccxt does not tell of each, and the ccxt venue itself."""
