"""A report is one HTML file of a backtest that opens without network."""

from services.research.report.curve import Curve
from services.research.report.page import html_report

__all__ = ["Curve", "html_report"]
