"""Live market data of an exchange: what the live stages are fed with, and what they ask for."""
