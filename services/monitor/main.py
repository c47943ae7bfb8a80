"""The monitor service: predictions and decisions in, readings out; what it finds goes into the journal."""

import os

from services.monitor.work import MonitorWorker
from shared.runner.service import serve_work

NICE = 5  # behind the line, but an alarm must not wait for ever where others take all of the machine


def main() -> None:
    """Runs the service, behind the line: no order waits for it."""
    os.nice(NICE)
    serve_work("monitor", MonitorWorker, ahead=True)
