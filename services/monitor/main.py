"""The monitor service: predictions and decisions in, readings out; what it finds goes into the journal."""

import os

from services.monitor.work import MonitorWorker
from shared.runner.service import serve_work

NICE = 10


def main() -> None:
    """Runs the service, behind the line: nobody waits for it."""
    os.nice(NICE)
    serve_work("monitor", MonitorWorker, ahead=True)
