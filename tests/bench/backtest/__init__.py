"""The backtest beside backtesting.py: `make bench-backtest`."""
