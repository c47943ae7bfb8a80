"""History from exchanges: bars, trades and funding rates through ccxt, into Parquet files by symbol and month."""
