"""OKX, an exchange with swaps and spot in one account."""
