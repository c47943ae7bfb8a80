"""Backtests: history through the very stages of the line."""

from services.research.backtest.engine import Backtest, Given
from services.research.backtest.rules import Observer, Totals, VenueRules

__all__ = ["Backtest", "Given", "Observer", "Totals", "VenueRules"]
