"""A backtest takes history through the very stages of the line."""

from services.research.backtest.engine import Backtest, Given
from services.research.backtest.observer import Observer, Totals
from services.research.backtest.venue import VenueRules

__all__ = ["Backtest", "Given", "Observer", "Totals", "VenueRules"]
