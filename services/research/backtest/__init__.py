"""Backtests: history through the very stages of the line."""

from services.research.backtest.engine import Backtest, Given
from services.research.backtest.observer import Observer
from services.research.backtest.rules import Rules
from services.research.backtest.totals import Totals

__all__ = ["Backtest", "Given", "Observer", "Rules", "Totals"]
