"""What a backtest was worth: its metrics, and how sure they are."""

from services.research.metrics.metrics import Metrics
from services.research.metrics.results import Results
from services.research.metrics.table import table

__all__ = ["Metrics", "Results", "table"]
