"""The backtest beside backtesting.py: `make bench WHAT=backtest`."""
