"""A report lays a session of the line, live or on paper, beside the backtest of the same window and bars."""
