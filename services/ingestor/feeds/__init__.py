"""Live market data of a venue through ccxt: what `services.ingestor.live` is fed with, and what it asks for."""
