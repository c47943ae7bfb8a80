"""The monitor service: predictions and decisions in, readings out; what it finds goes into the journal."""

from services.monitor.work import MonitorWorker
from shared.runner.service import serve_work


def main() -> None:
    """Runs the service."""
    serve_work("monitor", MonitorWorker, ahead=True)
