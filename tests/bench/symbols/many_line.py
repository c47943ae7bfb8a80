"""The line's services on the simulated market of many symbols, with a bus of their own: all can be restarted."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import redis

from shared.bus.names import PartitionId
from tests.bench.common import BALANCE, COUNT, FEE, MAXLEN, PARTITIONS, SEED, STAGES, WRITERS
from tests.bench.contestant import Command
from tests.bench.processes import check_alive, cpu_shares, cpu_times, running
from tests.chaos.watch import names_at
from tests.cluster import Cluster
from tests.servers import VALKEY, Server

WITHIN_S = 300.0
POLL_S = 0.02
MB = 2**20
NAMESPACE = "many"
FLOW = ("ticks", "predictions", "orders", "executions")  # in the order in which one tick makes them


class ManyLine:
    """One line of so many symbols.

    - model: a card's path, or a name. signals: replicas of the signal service.
    - cluster: the bus is a Cluster of three masters with a replica each, instead of one server.
    """

    def __init__(
        self,
        folder: Path,
        symbols: int,
        model: str = "simulated_linear",
        signals: int = 1,
        *,
        cluster: bool = False,
    ) -> None:
        self.symbols = symbols
        self._folder = folder
        kept = "--appendfsync", "everysec"
        self._bus = Cluster(folder, VALKEY, *kept) if cluster else Server(VALKEY, folder, *kept)
        self._services = [name for stage in STAGES for name in _replicas(stage, signals)]
        bus = {"partitions": PARTITIONS, "read_count": COUNT, "market_maxlen": MAXLEN, "namespace": NAMESPACE}
        config = {
            "symbols": [f"SYM{number:05d}USDT" for number in range(symbols)], "interval": "1s",
            "state_dir": str(folder / "state"), "bus": bus,
            "ingestor": {"source": "simulated", "seed": SEED, "ticks_per_s": 0.0},
            "signal": {"model": model, "weights": str(Path(model).parent) if "/" in model else None},
            "strategy": {"name": "basic_taker", "params": {"netting": True}, "balance": str(BALANCE)},
            "gateway": {"venue": "paper", "fee": str(FEE)},
        }  # fmt: skip
        self._config = folder / "tickline.toml"  # a variable does not hold so many
        self._config.write_text("\n".join(_toml(config)) + "\n")

    def start_server(self) -> None:
        """Starts the bus, on what it has kept."""
        self._bus.start()
        if isinstance(self._bus, Cluster):
            self.client: Any = self._bus.client()
        else:
            self.client = redis.Redis.from_url(self._bus.url, protocol=2)
        self._names = names_at(self.client, NAMESPACE)

    def stop_server(self) -> None:
        """Stops the bus; its data stay."""
        self.client.close()
        self._bus.stop()

    @contextmanager
    def at_work(self) -> Iterator["AtWork"]:
        """Starts the services, and stops them as a person does."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TICKLINE_")}
        environment = {**clean, "TICKLINE_CONFIG": str(self._config), "TICKLINE_BUS__URL": self._bus.url}
        commands = {name: Service(name, environment) for name in self._services}
        servers = self._bus.servers if isinstance(self._bus, Cluster) else [self._bus]
        with running(commands, self._folder) as started:
            yield AtWork(self, self._folder, started, [server.pid for server in servers])

    def written(self) -> dict[str, int]:
        """Returns how many entries each stream ever got, over all partitions."""
        pipe = self.client.pipeline(transaction=False)
        wanted = [(kind, PartitionId(WRITERS[kind], p)) for kind in FLOW for p in range(PARTITIONS)]
        for kind, place in wanted:
            pipe.hget(self._names.state(place), f"out:{kind}")
        found = dict.fromkeys(FLOW, 0)
        for (kind, _), reply in zip(wanted, pipe.execute(), strict=True):
            found[kind] += int(reply or 0)
        return found

    def snapshot_bytes(self) -> dict[str, float]:
        """Returns by service how much its snapshot takes in the server, bytes a symbol."""
        return {stage: round(sum(self._held(stage, p) for p in range(PARTITIONS)) / self.symbols) for stage in STAGES}

    def _held(self, stage: str, p: int) -> int:
        return int(self.client.memory_usage(self._names.state(PartitionId(stage, p)), samples=0) or 0)

    def server_mb(self) -> float:
        """Returns the memory that the server's data take."""
        return round(int(self.client.info("memory")["used_memory"]) / MB, 1)


class Service(Command):
    """The command of one replica of a service; all get the same settings."""

    def __init__(self, name: str, environment: dict[str, str]) -> None:
        super().__init__([sys.executable, "-m", "services", name.partition("-")[0]], environment)

    def full_environment(self) -> dict[str, str]:
        """Returns these variables, and no other: none of a person's own counts."""
        return self.environment


class AtWork:
    """The line while it works."""

    def __init__(self, line: ManyLine, folder: Path, started: dict[str, Any], server_pids: Sequence[int]) -> None:
        self._line, self._folder, self._started = line, folder, started
        servers = {f"server{number or ''}": pid for number, pid in enumerate(server_pids)}
        self._pids = {name: process.pid for name, process in started.items()} | servers

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Returns as soon as it holds; TimeoutError, with what was written, where it never does."""
        end = time.monotonic() + WITHIN_S
        while not holds():
            check_alive(self._started, self._folder)
            if time.monotonic() > end:
                raise TimeoutError(f"{self._line.symbols} symbols, {what}: not within {WITHIN_S:g} s, "
                                   f"written: {self._line.written()}")  # fmt: skip
            time.sleep(POLL_S)

    def rate(self, seconds: float, upto: str = "executions") -> dict[str, Any]:
        """Returns how many ticks a second go all the way up to this stream, and the cores that each process uses."""
        cpu, before, began_s = cpu_times(self._pids), self._line.written(), time.monotonic()
        time.sleep(seconds)
        after, took_s = self._line.written(), time.monotonic() - began_s
        check_alive(self._started, self._folder)
        shares = cpu_shares(cpu, cpu_times(self._pids))
        return {"ticks_per_s": round((after[upto] - before[upto]) / took_s, 1), "cpu": shares}

    def memory_mb(self) -> dict[str, float]:
        """Returns the resident memory of each process."""
        return {name: round(psutil.Process(pid).memory_info().rss / MB, 1) for name, pid in self._pids.items()}


def _replicas(stage: str, signals: int) -> list[str]:
    return [f"signal-{number}" for number in range(signals)] if stage == "signal" else [stage]


def _toml(config: dict[str, Any]) -> Iterator[str]:
    """Yields the lines of a config file: JSON's lists and numbers are TOML's."""
    for name, value in config.items():
        if not isinstance(value, dict):
            yield f"{name} = {json.dumps(value)}"
    for name, section in config.items():
        if isinstance(section, dict):
            yield f"[{name}]"
            for key, value in section.items():
                if isinstance(value, dict):
                    yield f"{key} = {{ {', '.join(f'{k} = {json.dumps(v)}' for k, v in value.items())} }}"
                elif value is not None:
                    yield f"{key} = {json.dumps(value)}"
