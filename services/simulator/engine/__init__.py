"""The exchange behind every dialect: markets, matching engine, wallet, and what goes wrong with requests."""
