"""What a backtest was worth: its metrics, and how sure they are. To add one: `metrics.py`."""

from services.research.metrics.metrics import Results
from services.research.metrics.observer import Metrics
from services.research.metrics.table import table

__all__ = ["Metrics", "Results", "table"]
