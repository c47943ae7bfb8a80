"""Backtests: history through the very stages of the line."""

from services.research.backtest.engine import Backtest, Given
from services.research.backtest.rules import Observer, Rules, Totals

__all__ = ["Backtest", "Given", "Observer", "Rules", "Totals"]
