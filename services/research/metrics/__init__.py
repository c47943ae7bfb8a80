"""Metrics say what a backtest was worth, and how sure that is. To add one: `metrics.py`."""

from services.research.metrics.metrics import Results
from services.research.metrics.observer import Metrics
from services.research.metrics.table import table

__all__ = ["Metrics", "Results", "table"]
