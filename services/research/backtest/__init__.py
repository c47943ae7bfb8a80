"""A backtest takes history through the very stages of the line."""

from services.research.backtest.engine import Backtest, Inputs
from services.research.backtest.observer import Observer, Totals
from services.research.backtest.venue import VenueRules

__all__ = ["Backtest", "Inputs", "Observer", "Totals", "VenueRules"]
