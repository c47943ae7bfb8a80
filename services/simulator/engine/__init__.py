"""The simulated venue itself: market, matching engine, wallet, and what goes wrong in it."""
