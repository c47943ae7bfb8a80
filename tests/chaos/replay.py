"""A replay of generated bars, and what the line makes of it when nobody disturbs it."""

import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from tests.chaos.compare import Content, content
from tests.chaos.line import Line
from tests.chaos.server import Server
from tests.chaos.watch import Watch

RUN_ID = "chaos"
NAMESPACE = f"tickline.replay.{RUN_ID}"
DATA_SEED = 20240601
LINE_SLOWED = {
    # Small steps: the work lasts over all kills, and a dead process soon stops all others.
    "TICKLINE_BUS__BOUND": "64",
    "TICKLINE_BUS__READ_COUNT": "16",
    "TICKLINE_BUS__COMMIT_ENTRIES": "32",
}


@dataclass(frozen=True)
class Replay:
    """The settings of the run, how many ticks it has, and its content."""

    environment: dict[str, str]
    ticks: int
    undisturbed_s: float
    expected: Content = field(repr=False)


def undisturbed(folder: Path, symbols: int, rows: int, more: Mapping[str, str] = MappingProxyType({})) -> Replay:
    """Write the files and run the line over them once, in peace. more: variables beside our own."""
    files = {f"SYM-{i}": write_bars(folder / f"SYM-{i}.csv", i, rows) for i in range(symbols)}
    environment = {
        "TICKLINE_RUN_ID": RUN_ID,
        "TICKLINE_SYMBOLS": json.dumps(sorted(files)),
        "TICKLINE_INGESTOR__SOURCE": "replay",
        "TICKLINE_INGESTOR__FILES": json.dumps({sym: str(path) for sym, path in files.items()}),
        "TICKLINE_BUS__MARKET_MAXLEN": "10000000",  # nothing may be trimmed
        "TICKLINE_BUS__TRIM_AGE_S": "86400",
        **more,
    }
    server = Server(folder)
    server.start()
    try:
        with server.client() as client, Line(folder, server.url, environment) as line:
            began = time.monotonic()
            line.start()
            watch = Watch(client, NAMESPACE, line.tend)
            watch.wait("the undisturbed run ends", lambda s: s.finished(symbols * rows), within_s=300)
            seconds = time.monotonic() - began
            expected = content(server.url, NAMESPACE)
            line.stop()
            assert not line.unexpected, line.unexpected
    finally:
        server.stop()
    assert not expected.dead and not expected.stopped, (expected.dead[:3], expected.stopped[:3])
    return Replay(environment, symbols * rows, seconds, expected)


def write_bars(path: Path, seed: int, rows: int, step_s: int = 1) -> Path:
    """Mean-reverting log returns, so that the simulated market's model has something to decide."""
    rng = random.Random(DATA_SEED + seed)
    start, price, last = datetime(2024, 6, 1, tzinfo=UTC), 100.0 * (1 + seed), 0.0
    lines = ["datetime,price"]
    for i in range(rows):
        last = -0.5 * last + rng.gauss(0, 0.001)
        price *= 1 + last
        lines.append(f"{start + timedelta(seconds=step_s * i):%Y-%m-%dT%H:%M:%S},{price:.2f}")
    path.write_text("\n".join(lines) + "\n")
    return path
