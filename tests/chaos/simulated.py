"""The line on the simulated market, endless and paced: for measuring how long things take."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from shared.bus.names import partition_of
from shared.config.settings import SIMULATED_SYMBOLS, BusSettings
from tests.chaos.server import Server
from tests.chaos.watch import PARTITIONS

NAMESPACE = BusSettings().namespace
WORKING = {partition_of(sym, PARTITIONS) for sym in SIMULATED_SYMBOLS}  # partitions where something happens
ENVIRONMENT = {"TICKLINE_SYMBOLS": json.dumps(SIMULATED_SYMBOLS), "TICKLINE_INGESTOR__TICKS_PER_S": "20"}


@contextmanager
def server_in(folder: Path) -> Iterator[tuple[Server, Redis]]:
    """A server, and a client of it."""
    server = Server(folder)
    server.start()
    try:
        with server.client() as client:
            yield server, client
    finally:
        server.stop()
