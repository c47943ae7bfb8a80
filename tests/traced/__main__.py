"""`python -m tests.traced`, which is what `make house ARGS=--ways` runs besides: where one goes when one follows a way.

Each way is printed with its files in the order in which they are entered, and the lines of the functions entered.
"""

import asyncio
import importlib
import logging
import sys
import tempfile
from pathlib import Path

import structlog

from tests.traced.ingestor import ingestor
from tests.traced.line import line

TARGETS = "order <= 20 files, a tick to signal's commit <= 10"


def main() -> None:
    """Runs the services, and prints what was traced."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    importlib.import_module("ccxt.pro")  # for seconds, in which no lease would be renewed
    for trace in (line, ingestor):
        with tempfile.TemporaryDirectory() as folder:
            ways = asyncio.run(trace(Path(folder)))
        for way in ways:
            sys.stdout.writelines(f"{text}\n" for text in way.told())
    sys.stdout.write(f"targets: {TARGETS}\n")


if __name__ == "__main__":
    main()
