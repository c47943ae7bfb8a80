"""A clean clone of what is committed, and `docker compose` in it."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
PARTITIONS = 8
FLOWING_WITHIN_S = 60.0
AS_READER = 'REDISCLI_AUTH=$(cat /users/reader.password) exec redis-cli --user reader "$@"'


class Stack:
    """`docker compose` in one folder under one project name."""

    def __init__(self, folder: Path, project: str, revision: str) -> None:
        self.folder = folder
        self._env = {**os.environ, "COMPOSE_PROJECT_NAME": project, "REVISION": revision}

    def use(self, *files: str) -> None:
        """These compose files from now on."""
        self._env["COMPOSE_FILE"] = os.pathsep.join(files)

    def compose(self, *args: str, ok: bool = True, timeout_s: float = 600) -> str:
        """Run one compose command and give what it printed."""
        done = subprocess.run(
            ["docker", "compose", *args],
            cwd=self.folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
        if ok and done.returncode:
            said = done.stderr.decode(errors="replace")[-3000:]
            logs = "" if args[0] == "logs" else self.compose("logs", "--tail", "30", ok=False)[-6000:]
            pytest.fail(f"docker compose {' '.join(args)} ended with {done.returncode}:\n{said}\n{logs}")
        return done.stdout.decode(errors="replace")

    def redis(self, *command: str) -> Any:
        """One command to redis-cli inside the stack, as the user `reader`."""
        return json.loads(self.compose("exec", "-T", "redis", "sh", "-c", AS_READER, "redis-cli", "--json", *command))

    def secrets(self) -> dict[str, str]:
        """The password of every user of the bus, as the container that made them has it."""
        shown = self.compose("run", "--rm", "-T", "bus-users", "grep", "-H", "", "-r", "/users/all/made")
        lines = (line.partition(":") for line in shown.splitlines())
        return {Path(file).stem: word for file, _, word in lines if file.endswith(".password")}

    def running(self) -> list[dict[str, Any]]:
        """The containers that are at work: that which makes the users has ended."""
        return [row for row in self.containers() if row["Service"] != "bus-users"]

    def containers(self) -> list[dict[str, Any]]:
        """What `docker compose ps` knows, one row per container."""
        return [json.loads(line) for line in self.compose("ps", "--all", "--format", "json").splitlines()]

    def entries(self, stream: str, instance: str) -> list[dict[str, str]]:
        """All entries of a stream over all partitions, in the order of each partition."""
        found = []
        for p in range(PARTITIONS):
            for _id, flat in self.redis("XRANGE", f"tickline:{stream}:{{{instance}.{p}}}", "-", "+"):
                found.append(dict(zip(flat[::2], flat[1::2], strict=True)))
        return found

    def last_numbers(self, stream: str, instance: str) -> dict[str, int]:
        """Per symbol the last `n`, after checking that the numbers have no hole and no repetition."""
        last: dict[str, int] = {}
        for entry in self.entries(stream, instance):
            sym, n = entry["k"], int(entry["n"])
            assert n == last.get(sym, n - 1) + 1, f"{stream} of {sym}: {n} after {last[sym]}"
            last[sym] = n
        return last

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which `docker compose` finds the project."""
        return dict(self._env)


def until(what: str, holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    end = time.monotonic() + FLOWING_WITHIN_S
    while not holds():
        assert time.monotonic() < end, f"not within {FLOWING_WITHIN_S:.0f} s: {what}"
        time.sleep(1)


@contextmanager
def cloned(folder: Path, prepare: Callable[[Stack], None] = lambda stack: None) -> Iterator[Stack]:
    """A clean clone, up and healthy, and taken down, volumes and all, whatever happens.

    prepare: what a person writes before the first start.
    """
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine answers")
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(folder)], check=True)
    head = subprocess.check_output(["git", "rev-parse", "--short=12", "HEAD"], cwd=folder, text=True).strip()
    stack = Stack(folder, f"tickline-test-{os.getpid()}-{folder.parent.name}", head)
    try:
        prepare(stack)
        stack.compose("up", "--build", "--detach", "--wait", timeout_s=840)
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans", "--timeout", "20", ok=False)
