"""A price file gives bars; each defect is named with file and row."""

from shared.history.bar import HistoryBar, resample
from shared.history.files import bars, fields_of, groups_of, infer_interval, is_trades

__all__ = ["HistoryBar", "bars", "fields_of", "groups_of", "infer_interval", "is_trades", "resample"]
