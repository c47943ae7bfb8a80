"""`python -m services NAME` runs one of the services, or the simulator, as a process of its own."""

import sys
from importlib import import_module

from shared.runner.process import loading

SERVICES = ("ingestor", "signal", "strategy", "gateway", "recorder", "monitor", "simulator")

if __name__ == "__main__":
    name = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    if name not in SERVICES:
        known = ", ".join(SERVICES)
        sys.stderr.write(f"python -m services: there is no service {name!r:.60}: name one of {known}\n")
        sys.exit(2)
    with loading():
        import_module("shared.runner.logs")  # first: it says how structlog is loaded
        service = import_module(f"services.{name}.main")
    sys.exit(service.main())
