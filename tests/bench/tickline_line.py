"""The contestant `line`: Tickline's own four services as they are, on the simulated market."""

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.bench.common import AHEAD_TICKS, BALANCE, COUNT, FEE, MAXLEN, PARTITIONS, SEED, STAGES, SYMBOLS, Run
from tests.bench.contestant import Command


class TicklineLine:
    """`python -m services STAGE`, configured by the environment only."""

    groups = False

    def __init__(self, name: str = "line") -> None:
        self.name = name
        self._state = Path(tempfile.gettempdir()) / "tickline-bench-state"

    def commands(self, run: Run) -> dict[str, Command]:
        """The four services."""
        environment = self._environment(run)
        return {stage: Command([sys.executable, "-m", "services", stage], environment) for stage in STAGES}

    def _environment(self, run: Run) -> dict[str, str]:
        bus = {
            "url": run.url,
            "namespace": run.namespace,
            "partitions": PARTITIONS,
            "read_count": COUNT,
            "market_maxlen": MAXLEN,
            "bound": AHEAD_TICKS // PARTITIONS,
        }
        ingestor = {"source": "simulated", "seed": SEED, "ticks_per_s": run.ticks_per_s / len(SYMBOLS)}
        strategy = {"name": "basic_taker", "params": {"netting": True}, "balance": str(BALANCE)}
        return {
            "TICKLINE_SYMBOLS": json.dumps(SYMBOLS),
            "TICKLINE_INTERVAL": "1s",
            "TICKLINE_STATE_DIR": str(self._state),
            "TICKLINE_BUS": json.dumps(bus),
            "TICKLINE_INGESTOR": json.dumps(ingestor),
            "TICKLINE_STRATEGY": json.dumps(strategy),
            "TICKLINE_GATEWAY": json.dumps({"venue": "paper", "fee": str(FEE)}),
        }

    def keys(self, run: Run, kind: str) -> list[str]:
        """The P streams of `kind`; the bench's own names are those of Tickline's bus."""
        return run.keys(kind)

    def trace(self, entry: Mapping[bytes, bytes]) -> bytes:
        """The field `tr`."""
        return entry[b"tr"]

    def written_ns(self, tick: Mapping[bytes, bytes]) -> int:
        """The field `w`."""
        return int(tick[b"w"])


class WatchedLine(TicklineLine):
    """The same with all that looks on: recorder and monitor, which tells alerts to an address where nobody listens."""

    def __init__(self) -> None:
        super().__init__("watched")

    def commands(self, run: Run) -> dict[str, Command]:
        """The four services, and two that look on. They begin first, since they are to see all of it."""
        environment = self._environment(run)
        return {
            stage: Command([sys.executable, "-m", "services", stage], environment)
            for stage in ("recorder", "monitor", *STAGES)
        }

    def _environment(self, run: Run) -> dict[str, str]:
        self._state.mkdir(exist_ok=True)
        nobody = self._state / "alert-urls"
        nobody.touch(0o600)
        nobody.write_text("json://127.0.0.1:9/\n")
        alerts = {"urls_file": str(nobody)}
        recording = {"folder": str(self._state / "recording" / run.namespace)}
        return {
            **super()._environment(run),
            "TICKLINE_ALERTS": json.dumps(alerts),
            "TICKLINE_RECORDER": json.dumps(recording),
        }


class ScrapedLine(TicklineLine):
    """The same with metrics on, and somebody who takes them from each service as Prometheus does."""

    def __init__(self) -> None:
        super().__init__("scraped")

    def commands(self, run: Run) -> dict[str, Command]:
        """The four services, and one process that scrapes. What a killed run has left says where nobody is."""
        told = self._state / "metrics"
        for left in told.glob("*.json"):
            left.unlink()
        scraper = Command([sys.executable, "-m", "tests.bench.scraper", str(told), *STAGES])
        return {**super().commands(run), "scraper": scraper}

    def _environment(self, run: Run) -> dict[str, str]:
        return {**super()._environment(run), "TICKLINE_METRICS__ON": "true"}
