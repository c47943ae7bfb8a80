"""A recording: the bus's streams as Parquet files by stream and day, each row once."""
